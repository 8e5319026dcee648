// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
)

func openstackAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "The OpenStack cloud whose Glance knows the images. With `auth_url`, all that is needed stands here, and neither clouds.yaml nor `OS_*` is read. " +
			"Without it, what stands here overrides the cloud in clouds.yaml (and secure.yaml), or else the `OS_*` variables.",
		Attributes: merged(cloudAttributes(), credentialAttributes(), certificateAttributes()),
	}
}

func merged(groups ...map[string]schema.Attribute) map[string]schema.Attribute {
	out := map[string]schema.Attribute{}
	for _, group := range groups {
		for name, a := range group {
			out[name] = a
		}
	}
	return out
}

// given is an optional text.
func given(description string, more ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, MarkdownDescription: description, Validators: append([]validator.String{namecheck.Given()}, more...),
	}
}

// secret is one that nobody may see, nor an error about it.
func secret(description string, more ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Sensitive: true, MarkdownDescription: description, Validators: append([]validator.String{namecheck.Secret()}, more...),
	}
}

func cloudAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cloud": given("Name of the cloud in clouds.yaml. Default: `OS_CLOUD`, else the `OS_*` variables alone. " +
			"`OS_CLOUD` isn't read where credentials stand here."),
		"region": given("Region. Default: `OS_REGION_NAME`, else clouds.yaml, else the first one of the service catalogue."),
		"interface": given("Interface of Glance in the service catalogue: `public`, `internal` or `admin`. Default: `OS_INTERFACE`, else clouds.yaml, else `public`.",
			stringvalidator.OneOf("public", "internal", "admin")),
		"endpoint": schema.StringAttribute{
			Optional: true, Validators: []validator.String{namecheck.Address()},
			MarkdownDescription: "URL of Glance, in place of the one in the service catalogue.",
		},
		"request_timeout": schema.StringAttribute{
			Optional: true, CustomType: durationtype.Type{}, Validators: []validator.String{durationtype.Limit()},
			MarkdownDescription: "Time that one request may take. Default: `api_timeout` in clouds.yaml, else `2m`.",
		},
		"retry_timeout": schema.StringAttribute{
			Optional: true, CustomType: durationtype.Type{}, Validators: []validator.String{durationtype.Limit()},
			MarkdownDescription: "How long a fault of Glance or Keystone is waited out: 429, 500, 502, 503, 504, no connection, no answer. " +
				"A request is sent again only where that is safe, as a look at the record in Glance tells. Default: `75s`; the resource's own timeouts bound it too. " +
				"There is no `max_retries`: pauses grow and differ, so a number of attempts says little about the time that a restart may take.",
		},
	}
}

func credentialAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"auth_url": schema.StringAttribute{
			Optional: true,
			Validators: []validator.String{
				namecheck.Address(), siblings.Conflict("cloud"), siblings.Need("password", "token", "application_credential_secret"),
			},
			MarkdownDescription: "URL of Keystone, such as `https://keystone.example.com/v3`. One of password, token and application credential goes with it.",
		},
		"user_name": given("Name of the user, with a domain.", siblings.Conflict("user_id"), siblings.Need("password", "application_credential_name", "cloud")),
		"user_id":   given("ID of the user, in place of the name and the domain.", siblings.Need("password", "application_credential_name", "cloud")),
		"password": secret("Password of the user, best from an ephemeral variable.",
			siblings.Conflict("token", "application_credential_id", "application_credential_name", "application_credential_secret"),
			siblings.Need("user_name", "user_id", "cloud")),
		"token": secret("Token, in place of user and password. It can't be renewed, so it must last for the whole run.",
			siblings.Conflict("user_name", "user_id", "application_credential_id", "application_credential_name", "application_credential_secret")),
		"application_credential_id": given("ID of an application credential, in place of user, password and project.",
			siblings.Conflict("application_credential_name", "user_name", "user_id"), siblings.Need("application_credential_secret", "cloud")),
		"application_credential_name": given("Name of an application credential, with its user.",
			siblings.Need("application_credential_secret", "cloud"), siblings.Need("user_name", "user_id", "cloud")),
		"application_credential_secret": secret("Secret of the application credential, best from an ephemeral variable.",
			siblings.Conflict("project_name", "project_id"),
			siblings.Need("application_credential_id", "application_credential_name", "cloud")),
		"project_name":        given("Name of the project, with a domain.", siblings.Conflict("project_id")),
		"project_id":          given("ID of the project, in place of its name and domain."),
		"user_domain_name":    given("Name of the domain of the user.", siblings.Conflict("user_domain_id", "user_id", "token", "application_credential_id")),
		"user_domain_id":      given("ID of the domain of the user.", siblings.Conflict("user_id", "token", "application_credential_id")),
		"project_domain_name": given("Name of the domain of the project.", siblings.Conflict("project_domain_id", "project_id", "application_credential_secret")),
		"project_domain_id":   given("ID of the domain of the project.", siblings.Conflict("project_id", "application_credential_secret")),
		"domain_name":         given("Name of the domain of user and project where these have none of their own.", siblings.Conflict("domain_id")),
		"domain_id":           given("ID of the domain of user and project where these have none of their own."),
	}
}

func certificateAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cacert_file": given("File with the CA certificates to trust. Default: `OS_CACERT`, else clouds.yaml.", siblings.Conflict("cacert_pem")),
		"cacert_pem": schema.StringAttribute{
			Optional: true, Validators: []validator.String{namecheck.PEM("CERTIFICATE")},
			MarkdownDescription: "The CA certificates to trust, as PEM.",
		},
		"cert_file": given("File with a client certificate. Default: `OS_CERT`, else clouds.yaml.",
			siblings.Conflict("cert_pem"), siblings.Need("key_file", "key_pem")),
		"cert_pem": schema.StringAttribute{
			Optional: true, Validators: []validator.String{namecheck.PEM("CERTIFICATE"), siblings.Need("key_file", "key_pem")},
			MarkdownDescription: "A client certificate, as PEM.",
		},
		"key_file": given("File with the key of the client certificate. Default: `OS_KEY`, else clouds.yaml.",
			siblings.Conflict("key_pem"), siblings.Need("cert_file", "cert_pem")),
		"key_pem": schema.StringAttribute{
			Optional: true, Sensitive: true, Validators: []validator.String{namecheck.PEM("PRIVATE KEY"), siblings.Need("cert_file", "cert_pem")},
			MarkdownDescription: "The key of the client certificate, as PEM; best from an ephemeral variable.",
		},
		"insecure": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Trust any certificate. Whoever is on the way can read the password then, and change images. Default: `verify` or `insecure` in clouds.yaml, else `false`.",
		},
	}
}

type openstackModel struct {
	Cloud          types.String       `tfsdk:"cloud"`
	Region         types.String       `tfsdk:"region"`
	Interface      types.String       `tfsdk:"interface"`
	Endpoint       types.String       `tfsdk:"endpoint"`
	RequestTimeout durationtype.Value `tfsdk:"request_timeout"`
	RetryTimeout   durationtype.Value `tfsdk:"retry_timeout"`

	AuthURL                     types.String `tfsdk:"auth_url"`
	UserName                    types.String `tfsdk:"user_name"`
	UserID                      types.String `tfsdk:"user_id"`
	Password                    types.String `tfsdk:"password"`
	Token                       types.String `tfsdk:"token"`
	ApplicationCredentialID     types.String `tfsdk:"application_credential_id"`
	ApplicationCredentialName   types.String `tfsdk:"application_credential_name"`
	ApplicationCredentialSecret types.String `tfsdk:"application_credential_secret"`
	ProjectName                 types.String `tfsdk:"project_name"`
	ProjectID                   types.String `tfsdk:"project_id"`
	UserDomainName              types.String `tfsdk:"user_domain_name"`
	UserDomainID                types.String `tfsdk:"user_domain_id"`
	ProjectDomainName           types.String `tfsdk:"project_domain_name"`
	ProjectDomainID             types.String `tfsdk:"project_domain_id"`
	DomainName                  types.String `tfsdk:"domain_name"`
	DomainID                    types.String `tfsdk:"domain_id"`

	CACertFile types.String `tfsdk:"cacert_file"`
	CACertPEM  types.String `tfsdk:"cacert_pem"`
	CertFile   types.String `tfsdk:"cert_file"`
	CertPEM    types.String `tfsdk:"cert_pem"`
	KeyFile    types.String `tfsdk:"key_file"`
	KeyPEM     types.String `tfsdk:"key_pem"`
	Insecure   types.Bool   `tfsdk:"insecure"`
}

func (m *openstackModel) config(userAgent string) glance.Config {
	cfg := glance.Config{UserAgent: userAgent, Logf: func(ctx context.Context, format string, args ...any) {
		tflog.Warn(ctx, fmt.Sprintf(format, args...))
	}}
	if m == nil {
		return cfg
	}
	cfg.Cloud, cfg.Region = m.Cloud.ValueString(), m.Region.ValueString()
	cfg.Interface, cfg.Endpoint = m.Interface.ValueString(), m.Endpoint.ValueString()
	cfg.RequestTimeout, cfg.RetryTimeout = m.RequestTimeout.Amount(), m.RetryTimeout.Amount()
	cfg.CACertFile, cfg.CACertPEM = m.CACertFile.ValueString(), m.CACertPEM.ValueString()
	cfg.CertFile, cfg.CertPEM = m.CertFile.ValueString(), m.CertPEM.ValueString()
	cfg.KeyFile, cfg.KeyPEM = m.KeyFile.ValueString(), m.KeyPEM.ValueString()
	cfg.Insecure = m.Insecure.ValueBoolPointer()
	cfg.Auth = glance.Auth{
		URL:      m.AuthURL.ValueString(),
		UserName: m.UserName.ValueString(), UserID: m.UserID.ValueString(),
		UserDomainName: m.UserDomainName.ValueString(), UserDomainID: m.UserDomainID.ValueString(),
		Password: m.Password.ValueString(), Token: m.Token.ValueString(),
		ApplicationCredentialID:     m.ApplicationCredentialID.ValueString(),
		ApplicationCredentialName:   m.ApplicationCredentialName.ValueString(),
		ApplicationCredentialSecret: m.ApplicationCredentialSecret.ValueString(),
		ProjectName:                 m.ProjectName.ValueString(), ProjectID: m.ProjectID.ValueString(),
		ProjectDomainName: m.ProjectDomainName.ValueString(), ProjectDomainID: m.ProjectDomainID.ValueString(),
		DomainName: m.DomainName.ValueString(), DomainID: m.DomainID.ValueString(),
	}
	return cfg
}

// userAgent is what Glance and Keystone note of us in their logs.
func userAgent(version, terraformVersion string) string {
	// What a header can't have in it would make every request fail.
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' || strings.ContainsRune("()", r) {
				return '_'
			}
			return r
		}, s)
	}
	agent := "terraform-provider-rbd/" + plain(version)
	if terraformVersion != "" {
		agent += " (+Terraform " + plain(terraformVersion) + ")"
	}
	return agent
}
