// terraform-provider-rbd manages virtual-machine images on Ceph RBD.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

// version is set by the linker when a release is built.
var version = "dev"

// quietSDK turns the trace log of the plugin libraries off where nobody asked
// for a log. They write it all the same, Terraform reads it all and throws it
// away, and it is a quarter of what a refresh of many resources costs.
func quietSDK() {
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "TF_LOG") {
			return
		}
	}
	if err := os.Setenv("TF_LOG_SDK", "off"); err != nil {
		log.Print(err) // it is only slower
	}
}

func main() {
	quietSDK()
	debug := flag.Bool("debug", false, "run so that a debugger can be attached")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: provider.Address,
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
