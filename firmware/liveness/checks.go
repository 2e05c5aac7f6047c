package liveness

// Checks are the checks of the device. All must pass.
var Checks []Check
