// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// Auth says how to log in at Keystone: with a password, a token or an application
// credential. A field that is empty is not given.
type Auth struct {
	URL string

	UserName, UserID             string
	UserDomainName, UserDomainID string
	Password                     string

	Token string

	// An application credential is known by its ID, or by its name and the user.
	ApplicationCredentialID, ApplicationCredentialName string
	ApplicationCredentialSecret                        string

	ProjectName, ProjectID             string
	ProjectDomainName, ProjectDomainID string

	// The domain of user and project where these have none of their own; where
	// there is no project, what the token is for.
	DomainName, DomainID string

	// SystemScope and TrustID come from clouds.yaml and OS_* alone.
	SystemScope, TrustID string
}

// pairs are names and IDs of one thing.
func (a *Auth) pairs() [][2]*string {
	return [][2]*string{
		{&a.UserName, &a.UserID}, {&a.UserDomainName, &a.UserDomainID},
		{&a.ApplicationCredentialName, &a.ApplicationCredentialID},
		{&a.ProjectName, &a.ProjectID}, {&a.ProjectDomainName, &a.ProjectDomainID},
		{&a.DomainName, &a.DomainID},
	}
}

// credentials tells whether anything of them is given; a project is not.
func (a Auth) credentials() bool {
	return a.user() != "" || a.Password != "" || a.Token != "" || a.applicationCredential()
}

func (a Auth) user() string { return firstOf(a.UserName, a.UserID) }

func (a Auth) applicationCredential() bool {
	return firstOf(a.ApplicationCredentialID, a.ApplicationCredentialName, a.ApplicationCredentialSecret) != ""
}

// over puts what is given over what a cloud or the environment says. A credential
// takes the place of one of another kind, and a name that of an ID.
func (a Auth) over(base Auth) (Auth, error) {
	out := base
	withoutApplicationCredential := func() {
		out.ApplicationCredentialID, out.ApplicationCredentialName, out.ApplicationCredentialSecret = "", "", ""
	}
	switch {
	case a.Token != "":
		out.Password, out.UserName, out.UserID = "", "", ""
		withoutApplicationCredential()
	case a.applicationCredential():
		out.Token, out.Password = "", ""
		if !base.applicationCredential() { // the scope was for the other credential
			out.ProjectName, out.ProjectID, out.SystemScope, out.TrustID = "", "", "", ""
		}
	case a.Password != "":
		out.Token = ""
		withoutApplicationCredential()
	case a.user() != "" && base.Password == "" && base.ApplicationCredentialName == "":
		return out, errors.New("a user is given, but no password: it has a credential that no user goes with")
	}
	if a.ProjectName != "" || a.ProjectID != "" {
		out.SystemScope, out.TrustID = "", ""
	}
	if a.DomainName != "" || a.DomainID != "" {
		out.UserDomainName, out.UserDomainID, out.ProjectDomainName, out.ProjectDomainID = "", "", "", ""
	}
	to := out.pairs()
	for i, pair := range a.pairs() {
		if *pair[0] != "" || *pair[1] != "" {
			*to[i][0], *to[i][1] = *pair[0], *pair[1]
		}
	}
	out.URL, out.Password, out.Token = firstOf(a.URL, out.URL), firstOf(a.Password, out.Password), firstOf(a.Token, out.Token)
	out.ApplicationCredentialSecret = firstOf(a.ApplicationCredentialSecret, out.ApplicationCredentialSecret)
	return out, nil
}

// check refuses credentials that are not whole or not clear, before anything is
// sent. spell gives the name that a key of clouds.yaml has where they come from.
func (a Auth) check(spell func(string) string) error {
	missing := func(what string, keys ...string) error {
		for i, key := range keys {
			keys[i] = spell(key)
		}
		return fmt.Errorf("%s is missing: %s", what, strings.Join(keys, " or "))
	}
	noDomain := firstOf(a.UserDomainID, a.UserDomainName, a.DomainID, a.DomainName) == ""
	var kinds []string
	for _, kind := range []struct {
		is   bool
		name string
	}{{a.Password != "", "a password"}, {a.Token != "", "a token"}, {a.applicationCredential(), "an application credential"}} {
		if kind.is {
			kinds = append(kinds, kind.name)
		}
	}
	switch {
	case len(kinds) > 1:
		return fmt.Errorf("it has %s: leave all but one out, so that it is clear which is meant", strings.Join(kinds, " and "))
	case len(kinds) == 0 && a.user() != "":
		return missing("the password of the user", "password")
	case len(kinds) == 0:
		return fmt.Errorf("it has no credentials: want %s and %s, %s, or %s and %s", spell("username"), spell("password"), spell("token"),
			spell("application_credential_id"), spell("application_credential_secret"))
	case a.applicationCredential() && a.ApplicationCredentialSecret == "":
		return missing("the secret of the application credential", "application_credential_secret")
	case a.applicationCredential() && firstOf(a.ApplicationCredentialID, a.ApplicationCredentialName) == "":
		return missing("the application credential", "application_credential_id", "application_credential_name")
	}
	if a.Password != "" || a.applicationCredential() && a.ApplicationCredentialID == "" {
		switch {
		case a.user() == "":
			return missing("the user", "username", "user_id")
		case a.UserID == "" && noDomain:
			return missing("the domain of the user", "user_domain_name", "user_domain_id")
		}
	}
	return a.checkScope(spell)
}

// checkScope refuses what Keystone would: a token is for one thing.
func (a Auth) checkScope(spell func(string) string) error {
	var scopes []string
	for _, s := range []struct{ value, key string }{
		{a.TrustID, "trust_id"}, {a.SystemScope, "system_scope"}, {a.ProjectID, "project_id"}, {a.ProjectName, "project_name"},
	} {
		if s.value != "" && !(s.key == "project_name" && a.ProjectID != "") {
			scopes = append(scopes, spell(s.key))
		}
	}
	switch {
	case len(scopes) > 0 && a.applicationCredential():
		return fmt.Errorf("an application credential is for one project already: leave %s out", strings.Join(scopes, " and "))
	case len(scopes) > 1:
		return fmt.Errorf("%s can't be given together: leave all but one out", strings.Join(scopes, " and "))
	case a.SystemScope != "" && a.SystemScope != "all":
		return fmt.Errorf("%s %q is not known: want all", spell("system_scope"), a.SystemScope)
	case a.ProjectName != "" && a.ProjectID == "" && firstOf(a.ProjectDomainID, a.ProjectDomainName, a.DomainID, a.DomainName) == "":
		return fmt.Errorf("the domain of the project is missing: %s or %s", spell("project_domain_name"), spell("project_domain_id"))
	}
	return nil
}

// options are what the library takes, of what counts and no more: it sends what
// it is given, or refuses it.
func (a Auth) options() gophercloud.AuthOptions {
	o := gophercloud.AuthOptions{IdentityEndpoint: a.URL, Scope: a.scope(), AllowReauth: a.Token == ""}
	switch {
	case a.Token != "": // it can't be renewed without what it was made with
		o.TokenID = a.Token
		return o
	case a.ApplicationCredentialID != "":
		o.ApplicationCredentialID, o.ApplicationCredentialSecret = a.ApplicationCredentialID, a.ApplicationCredentialSecret
		return o
	case a.ApplicationCredentialName != "":
		o.ApplicationCredentialName, o.ApplicationCredentialSecret = a.ApplicationCredentialName, a.ApplicationCredentialSecret
	default:
		o.Password = a.Password
	}
	if a.UserID != "" { // which says the domain, too
		o.UserID = a.UserID
		return o
	}
	o.Username = a.UserName
	o.DomainID, o.DomainName = domain(a.UserDomainID, a.UserDomainName, a.DomainID, a.DomainName)
	return o
}

// scope is what the token is to be for.
func (a Auth) scope() *gophercloud.AuthScope {
	switch {
	case a.applicationCredential():
		return &gophercloud.AuthScope{}
	case a.TrustID != "":
		return &gophercloud.AuthScope{TrustID: a.TrustID}
	case a.SystemScope != "":
		return &gophercloud.AuthScope{System: true}
	case a.ProjectID != "":
		return &gophercloud.AuthScope{ProjectID: a.ProjectID}
	}
	s := &gophercloud.AuthScope{ProjectName: a.ProjectName}
	if a.ProjectName != "" {
		s.DomainID, s.DomainName = domain(a.ProjectDomainID, a.ProjectDomainName, a.DomainID, a.DomainName)
	} else {
		s.DomainID, s.DomainName = domain(a.DomainID, a.DomainName, "", "")
	}
	return s
}

// domain is the first that is given, by its ID or else by its name: the library
// takes one of them.
func domain(id, name, otherID, otherName string) (string, string) {
	if id == "" && name == "" {
		id, name = otherID, otherName
	}
	if id != "" {
		name = ""
	}
	return id, name
}
