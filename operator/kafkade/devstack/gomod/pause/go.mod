// What `kafkade.devstack` builds the sandbox image of pods from.
module kafkade.devstack/pause

go 1.25.0
