"""kafkade without Kubernetes: resources from files, what is known of them in a state file, and the operator's own code."""
