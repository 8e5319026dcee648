// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/action"
	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

// top is the top of the repository.
const top = "../.."

// registered is a resource, a data source, an ephemeral resource or a function that the
// provider offers.
type registered struct {
	name    string // rbd_image, or parse_spec of a function
	block   string // resource, data, ephemeral or function
	folder  string // resources, data-sources, ephemeral-resources or functions, in examples/ and docs/
	example string // resource.tf, data-source.tf, ephemeral-resource.tf or function.tf
	source  string // folder of its package
}

// registeredTypes walks the lists of the provider.
func registeredTypes(t *testing.T) []registered {
	t.Helper()
	ctx := context.Background()
	p, ok := provider.New("test")().(frameworkprovider.ProviderWithFunctions)
	if !ok {
		t.Fatal("the provider has no functions")
	}
	var meta frameworkprovider.MetadataResponse
	p.Metadata(ctx, frameworkprovider.MetadataRequest{}, &meta)

	var out []registered
	for _, construct := range p.Resources(ctx) {
		r := construct()
		var resp resource.MetadataResponse
		r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
		out = append(out, registered{resp.TypeName, "resource", "resources", "resource.tf", sourceOf(r)})
	}
	for _, construct := range p.DataSources(ctx) {
		d := construct()
		var resp datasource.MetadataResponse
		d.Metadata(ctx, datasource.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
		out = append(out, registered{resp.TypeName, "data", "data-sources", "data-source.tf", sourceOf(d)})
	}
	if e, ok := p.(frameworkprovider.ProviderWithEphemeralResources); ok {
		for _, construct := range e.EphemeralResources(ctx) {
			r := construct()
			var resp ephemeral.MetadataResponse
			r.Metadata(ctx, ephemeral.MetadataRequest{ProviderTypeName: meta.TypeName}, &resp)
			out = append(out, registered{resp.TypeName, "ephemeral", "ephemeral-resources", "ephemeral-resource.tf", sourceOf(r)})
		}
	}
	for _, construct := range p.Functions(ctx) {
		f := construct()
		var resp function.MetadataResponse
		f.Metadata(ctx, function.MetadataRequest{}, &resp)
		out = append(out, registered{resp.Name, "function", "functions", "function.tf", sourceOf(f)})
	}
	if len(out) == 0 {
		t.Fatal("the provider offers nothing")
	}
	return out
}

// listed is a type that `terraform query` lists.
type listed struct {
	registered
	schema listschema.Schema
}

// registeredLists are apart from registeredTypes, as no command line that must
// work applies their examples.
func registeredLists(t *testing.T) []listed {
	t.Helper()
	ctx := context.Background()
	p, ok := provider.New("test")().(frameworkprovider.ProviderWithListResources)
	if !ok {
		t.Fatal("the provider lists nothing")
	}
	var out []listed
	for _, construct := range p.ListResources(ctx) {
		r := construct()
		var meta resource.MetadataResponse
		r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: "rbd"}, &meta)
		var config list.ListResourceSchemaResponse
		r.ListResourceConfigSchema(ctx, list.ListResourceSchemaRequest{}, &config)
		out = append(out, listed{
			registered{meta.TypeName, "list", "list-resources", "list-resource.tfquery.hcl", sourceOf(r)}, config.Schema,
		})
	}
	return out
}

// acting is an action.
type acting struct {
	registered
	schema actionschema.Schema
}

// registeredActions are apart from registeredTypes as lists are.
func registeredActions(t *testing.T) []acting {
	t.Helper()
	ctx := context.Background()
	p, ok := provider.New("test")().(frameworkprovider.ProviderWithActions)
	if !ok {
		t.Fatal("the provider has no actions")
	}
	var out []acting
	for _, construct := range p.Actions(ctx) {
		a := construct()
		var meta action.MetadataResponse
		a.Metadata(ctx, action.MetadataRequest{ProviderTypeName: "rbd"}, &meta)
		var is action.SchemaResponse
		a.Schema(ctx, action.SchemaRequest{}, &is)
		out = append(out, acting{registered{meta.TypeName, "action", "actions", "action.tf", sourceOf(a)}, is.Schema})
	}
	return out
}

// sourceOf is the folder of a type's package: that of its model, where it is one of
// the types that several packages share.
func sourceOf(v any) string {
	typ := reflect.TypeOf(v).Elem()
	pkg := typ.PkgPath()
	if _, models, ok := strings.Cut(typ.Name(), "["); ok {
		model, _, _ := strings.Cut(models, ",")
		pkg = model[:strings.LastIndex(model, ".")]
	}
	return filepath.Join(top, filepath.FromSlash(pkg[strings.Index(pkg, "/internal/")+1:]))
}

// mentioned matches the type's address, or its block, in Go or HCL:
// rbd_image.test and resource "rbd_image". A function is mentioned where it is
// called.
func (r registered) mentioned() *regexp.Regexp {
	if r.block == "function" {
		return regexp.MustCompile(`\bprovider::rbd::` + r.name + `\(`)
	}
	address := `(^|[^.\w])` + r.name + `\.\w`
	if r.block == "data" {
		address = `\bdata\.` + r.name + `\.\w`
	}
	return regexp.MustCompile(`(?m)` + address + `|\b` + r.block + ` \\?"` + r.name + `\\?"`)
}

func (r registered) exampleFolder() string { return filepath.Join(top, "examples", r.folder, r.name) }

func (r registered) page() string {
	return filepath.Join(top, "docs", r.folder, strings.TrimPrefix(r.name, "rbd_")+".md")
}

// Everything that is registered has an example, a way to import it, a page, and
// an acceptance test in its package.
func TestEveryTypeIsComplete(t *testing.T) {
	for _, r := range registeredTypes(t) {
		t.Run(r.block+" "+r.name, func(t *testing.T) {
			if !contains(t, filepath.Join(r.exampleFolder(), r.example), r.mentioned()) {
				t.Errorf("no example in examples/%s/%s/%s", r.folder, r.name, r.example)
			}
			if r.block == "resource" &&
				!contains(t, filepath.Join(r.exampleFolder(), "import.sh"), regexp.MustCompile(`terraform import (\S*\.)?`+r.name+`\.\w+ \S+\s*$`)) {
				t.Errorf("no `terraform import` of it at the end of examples/%s/%s/import.sh", r.folder, r.name)
			}
			if !contains(t, r.page(), regexp.MustCompile(`(?m)^# (function: )?`+r.name+`\b.*(\n.*)*## Example Usage`)) {
				t.Errorf("no page with an example in docs/%s: `make generate`", r.folder)
			}
			if !r.tested(t) {
				t.Errorf("no acceptance test (providertest.Run) of %s %q in %s", r.block, r.name, r.source)
			}
		})
	}
}

// Whatever can be imported shows all the ways, with one id.
func TestEveryImportIsShown(t *testing.T) {
	c := newClient(t, nil)
	for _, r := range registeredTypes(t) {
		if r.block != "resource" {
			continue
		}
		words := strings.Fields(read(t, filepath.Join(r.exampleFolder(), "import.sh")))
		address, id := regexp.QuoteMeta(words[len(words)-2]), regexp.QuoteMeta(words[len(words)-1])
		if !contains(t, filepath.Join(r.exampleFolder(), "import-by-string-id.tf"), regexp.MustCompile(`import {\n  to = `+address+`\n  id = "`+id+`"\n}`)) {
			t.Errorf("import-by-string-id.tf of %s does not import what import.sh does", r.name)
		}
		identity, ok := c.identities[r.name]
		if !ok {
			continue
		}
		block := regexp.MustCompile(`import {\n  to = ` + address + `\n  identity = {\n((?:    \w+ += \S+\n)+)  }\n}`).
			FindStringSubmatch(read(t, filepath.Join(r.exampleFolder(), "import-by-identity.tf")))
		if block == nil {
			t.Errorf("import-by-identity.tf of %s has no identity", r.name)
			continue
		}
		for _, a := range identity.IdentityAttributes {
			if a.RequiredForImport && !regexp.MustCompile(`(?m)^    `+a.Name+` += `).MatchString(block[1]) {
				t.Errorf("import-by-identity.tf of %s lacks %s", r.name, a.Name)
			}
		}
	}
}

// The first page leads to every guide.
func TestEveryGuideIsLinked(t *testing.T) {
	guides, err := filepath.Glob(filepath.Join(top, "docs", "guides", "*.md"))
	if err != nil || len(guides) == 0 {
		t.Fatal(guides, err)
	}
	for _, guide := range guides {
		title := regexp.MustCompile(`(?m)^# (.*)$`).FindStringSubmatch(read(t, guide))
		if title == nil || !contains(t, filepath.Join(top, "docs", "index.md"), regexp.MustCompile(regexp.QuoteMeta("["+title[1]+"](guides/"+filepath.Base(guide)+")"))) {
			t.Errorf("docs/index.md has no link to %s under its title", guide)
		}
	}
}

// Everything that can be listed has an example, a page with its arguments, and
// a test that speaks the protocol.
func TestEveryListIsComplete(t *testing.T) {
	for _, r := range registeredLists(t) {
		t.Run(r.name, func(t *testing.T) {
			block := regexp.MustCompile(`(?m)^list "` + r.name + `" "\w+" \{$`)
			if !contains(t, filepath.Join(r.exampleFolder(), r.example), block) {
				t.Errorf("no example in examples/%s/%s/%s", r.folder, r.name, r.example)
			}
			if !contains(t, r.page(), block) {
				t.Errorf("no page with its example in docs/%s: `make generate`", r.folder)
			}
			if !contains(t, "protocol_list_test.go", regexp.MustCompile(`\bquery\("`+r.name+`"`)) {
				t.Errorf("no test in protocol_list_test.go")
			}
			for name, a := range r.schema.Attributes {
				if !contains(t, r.page(), regexp.MustCompile("(?m)^- `"+name+"` \\((String|Boolean|List of String)\\) "+regexp.QuoteMeta(a.GetMarkdownDescription())+"$")) {
					t.Errorf("its page does not say of %s: %s", name, a.GetMarkdownDescription())
				}
			}
		})
	}
}

// Every action has an example, a page with its arguments and why they are as they
// are, and a test that speaks the protocol.
func TestEveryActionIsComplete(t *testing.T) {
	for _, r := range registeredActions(t) {
		t.Run(r.name, func(t *testing.T) {
			block := regexp.MustCompile(`(?m)^action "` + r.name + `" "\w+" \{$`)
			if !contains(t, filepath.Join(r.exampleFolder(), r.example), block) {
				t.Errorf("no example in examples/%s/%s/%s", r.folder, r.name, r.example)
			}
			if !contains(t, r.page(), block) {
				t.Errorf("no page with its example in docs/%s: `make generate`", r.folder)
			}
			if !contains(t, "protocol_action_test.go", regexp.MustCompile(`\b(done|invoke)\("`+r.name+`"`)) {
				t.Errorf("no test in protocol_action_test.go")
			}
			for name, a := range r.schema.Attributes {
				if !contains(t, r.page(), regexp.MustCompile("(?m)^- `"+name+"` \\([^)]+\\) "+regexp.QuoteMeta(a.GetMarkdownDescription()))) {
					t.Errorf("its page does not say of %s: %s", name, a.GetMarkdownDescription())
				}
			}
		})
	}
}

// What is no longer registered leaves nothing behind.
func TestNothingIsLeftOfOtherTypes(t *testing.T) {
	all := registeredTypes(t)
	for _, r := range registeredLists(t) {
		all = append(all, r.registered)
	}
	for _, a := range registeredActions(t) {
		all = append(all, a.registered)
	}
	for _, folder := range []string{"resources", "data-sources", "functions", "ephemeral-resources", "list-resources", "actions"} {
		found, err := filepath.Glob(filepath.Join(top, "examples", folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		pages, err := filepath.Glob(filepath.Join(top, "docs", folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range append(found, pages...) {
			if !slices.ContainsFunc(all, func(r registered) bool {
				return path == r.exampleFolder() || path == r.page()
			}) {
				t.Errorf("%s belongs to nothing that is registered", path)
			}
		}
	}
}

// tested tells whether an acceptance test in the type's package mentions it.
func (r registered) tested(t *testing.T) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.source, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(path string) bool {
		return contains(t, path, regexp.MustCompile(`\bprovidertest\.Run\(`)) && contains(t, path, r.mentioned())
	})
}

// contains is false where there is no such file.
func contains(t *testing.T, path string, re *regexp.Regexp) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return re.Match(text)
}
