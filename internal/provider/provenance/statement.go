// SPDX-License-Identifier: MPL-2.0

package provenance

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
)

// Types of the in-toto Attestation Framework and of SLSA, and what they say of here.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	builderID     = "https://github.com/terraform-provider-rbd/terraform-provider-rbd"
	buildType     = builderID + "/blob/main/docs/guides/provenance.md"
)

// snapshotStep is the type of the last step, which is not noted: Ceph has it.
const snapshotStep = "rbd_snapshot"

// statement is an in-toto Statement v1. Its fields are written in this order, and the
// keys of maps in theirs: the same provenance has the same bytes.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// resource is a ResourceDescriptor.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// predicate is a SLSA Provenance v1.
type predicate struct {
	BuildDefinition struct {
		BuildType            string             `json:"buildType"`
		ExternalParameters   externalParameters `json:"externalParameters"`
		InternalParameters   internalParameters `json:"internalParameters"`
		ResolvedDependencies []resource         `json:"resolvedDependencies,omitempty"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder  builder `json:"builder"`
		Metadata struct {
			FinishedOn string `json:"finishedOn"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

type externalParameters struct {
	Steps []asked `json:"steps"`
}

// asked is what was asked for with a step, and done how.
type asked struct {
	Type            string `json:"type"`
	ArgumentsSHA256 string `json:"argumentsSha256,omitempty"`
	Source          string `json:"source,omitempty"`
}

type done struct {
	FinishedOn string            `json:"finishedOn"`
	SizeBytes  uint64            `json:"sizeBytes"`
	Tools      map[string]string `json:"tools,omitempty"`
}

type internalParameters struct {
	FSID             string `json:"fsid"`
	Pool             string `json:"pool"`
	Namespace        string `json:"namespace,omitempty"`
	Image            string `json:"image"`
	ImageID          string `json:"imageId"`
	Snapshot         string `json:"snapshot"`
	SnapshotID       uint64 `json:"snapshotId"`
	Complete         bool   `json:"complete"`
	IncompleteReason string `json:"incompleteReason,omitempty"`
	Steps            []done `json:"steps"`
}

// provenance is what is known of a snapshot.
type provenance struct {
	image    rbd.Image
	snapshot rbd.Snapshot
	steps    []history.Step
	reason   string            // why steps are not all; empty where they are
	digest   map[string]string // of the subject
}

// provenanceOf puts together what is noted on the image; digest are hashes of the
// snapshot's content, where they are known.
func provenanceOf(img rbd.Image, s rbd.Snapshot, digest map[string]string) provenance {
	st := img.History(s)
	p := provenance{image: img, snapshot: s, reason: strings.Join(st.Gaps, "; "), digest: rbd.SnapshotSource(img.FSID, img.Spec, img.ID, s.ID).Digest}
	last := history.Step{Type: snapshotStep, At: s.CreatedAt.UTC().Format(time.RFC3339), SizeBytes: s.SizeBytes}
	p.steps = append(slices.Clone(st.Steps), last)
	maps.Copy(p.digest, digest)
	return p
}

func (p provenance) predicate() predicate {
	var out predicate
	b := &out.BuildDefinition
	b.BuildType = buildType
	b.ExternalParameters.Steps, b.InternalParameters.Steps = []asked{}, []done{}
	out.RunDetails.Builder.ID = builderID
	for _, s := range p.steps {
		a := asked{Type: s.Type, ArgumentsSHA256: s.Arguments}
		if s.Source != nil {
			a.Source = s.Source.URI
			if s.BackTo == 0 { // that is one of its own snapshots
				b.ResolvedDependencies = append(b.ResolvedDependencies, resource{URI: s.Source.URI, Digest: s.Source.Digest})
			}
		}
		b.ExternalParameters.Steps = append(b.ExternalParameters.Steps, a)
		b.InternalParameters.Steps = append(b.InternalParameters.Steps, done{s.At, s.SizeBytes, s.Tools})
		if v := s.Tools[providerName]; v != "" {
			out.RunDetails.Builder.Version = map[string]string{providerName: v}
		}
	}
	spec, in := p.image.Spec, &b.InternalParameters
	in.FSID, in.Pool, in.Namespace, in.Image, in.ImageID = p.image.FSID, spec.Pool, spec.Namespace, spec.Image, p.image.ID
	in.Snapshot, in.SnapshotID = p.snapshot.Name, p.snapshot.ID
	in.Complete, in.IncompleteReason = p.reason == "", p.reason
	out.RunDetails.Metadata.FinishedOn = p.snapshot.CreatedAt.UTC().Format(time.RFC3339)
	return out
}

const providerName = "terraform-provider-rbd"

// texts are the statement and its predicate alone, in JSON.
func (p provenance) texts() (whole, alone string, err error) {
	pre := p.predicate()
	if alone, err = text(pre); err != nil {
		return "", "", err
	}
	whole, err = text(statement{
		Type: statementType, PredicateType: predicateType, Predicate: pre,
		Subject: []resource{{Name: p.image.Spec.WithSnapshot(p.snapshot.Name).String(), Digest: p.digest}},
	})
	return whole, alone, err
}

func text(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}
