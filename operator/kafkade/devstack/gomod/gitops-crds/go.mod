// The modules that carry the CRDs of Argo CD and Flux, for tests of manifests; nothing of them is built.
module kafkade.devstack/gitops-crds

go 1.27.0

require (
	github.com/argoproj/argo-cd/v3 v3.6.1
	github.com/fluxcd/helm-controller v1.6.1
	github.com/fluxcd/kustomize-controller v1.10.1
	github.com/fluxcd/source-controller v1.10.1
)
