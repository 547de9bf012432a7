// Command gitops says what Argo CD and Flux make of Kubernetes objects, by their own packages.
//
// It reads one JSON document from stdin and writes one to stdout: for each object the health that Argo CD would show, the
// status that kstatus computes, and the status that Flux's health check expressions come to.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/health"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// question is what stands on stdin.
type question struct {
	// HealthScripts are Argo CD's Lua scripts by group/Kind.
	HealthScripts map[string]string `json:"healthScripts"`
	// HealthChecks are spec.healthCheckExprs of a Kustomization.
	HealthChecks []kustomize.CustomHealthCheck `json:"healthChecks"`
	// Objects are whole Kubernetes objects.
	Objects []json.RawMessage `json:"objects"`
}

// verdict is one tool's word on one object.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// answer is all tools' word on one object.
type answer struct {
	Argo    verdict `json:"argo"`
	Kstatus verdict `json:"kstatus"`
	Flux    verdict `json:"flux"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var asked question
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	overrides := lua.ResourceHealthOverrides{}
	for key, script := range asked.HealthScripts {
		overrides[key] = v1alpha1.ResourceOverride{HealthLua: script}
	}
	newReader, err := cel.NewStatusReader(asked.HealthChecks)
	if err != nil {
		return fmt.Errorf("healthCheckExprs: %w", err)
	}
	reader := newReader(nil) // the mapper finds objects in a cluster; here they are given
	answers := make([]answer, 0, len(asked.Objects))
	for _, raw := range asked.Objects {
		object := &unstructured.Unstructured{}
		// unlike encoding/json this keeps integers apart from floats, as a client of the API server does
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("reading an object: %w", err)
		}
		name := fmt.Sprintf("%s %s", object.GetKind(), object.GetName())
		argo, err := health.GetResourceHealth(object, overrides)
		if err != nil {
			return fmt.Errorf("%s: Argo CD: %w", name, err)
		}
		if argo == nil {
			return fmt.Errorf("%s: Argo CD has no health script for it", name)
		}
		computed, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("%s: kstatus: %w", name, err)
		}
		read, err := reader.ReadStatusForObject(context.Background(), nil, object)
		if err != nil {
			return fmt.Errorf("%s: healthCheckExprs: %w", name, err)
		}
		if read.Error != nil {
			return fmt.Errorf("%s: healthCheckExprs: %w", name, read.Error)
		}
		answers = append(answers, answer{
			Argo:    verdict{string(argo.Status), argo.Message},
			Kstatus: verdict{computed.Status.String(), computed.Message},
			Flux:    verdict{read.Status.String(), read.Message},
		})
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}
