// SPDX-License-Identifier: MPL-2.0

// terraform-provider-rbd manages virtual-machine images on Ceph RBD.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// version is set by the linker when a release is built.
var version = "dev"

// settleTime is less than what Terraform leaves a provider to end by itself.
const settleTime = 1500 * time.Millisecond

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

// about is for reports of errors: which build this is.
func about() string {
	librbd := "without librbd"
	if version := rbd.LibraryVersion(); version != "" {
		librbd = "with librbd " + version
	}
	return fmt.Sprintf("terraform-provider-rbd %s %s/%s %s", version, runtime.GOOS, runtime.GOARCH, librbd)
}

func main() {
	quietSDK()
	debug := flag.Bool("debug", false, "run so that a debugger can be attached")
	tell := flag.Bool("version", false, "tell version, system and librbd, and end")
	flag.Parse()
	if *tell {
		fmt.Fprintln(os.Stdout, about())
		return
	}
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve(provider.Address, provider.Server(version), options...); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	if err := settle.Run(ctx); err != nil {
		log.Print("not all that was made is noted as had by a state, the next refresh does it: ", err)
	}
}
