//go:build goexperiment.runtimesecret

package memory

import "runtime/secret"

// Erasing runs f and erases what it leaves behind: registers and stack at once,
// what it allocated as soon as nothing refers to it and the garbage collector has
// seen that. Releases are built so (GOEXPERIMENT=runtimesecret, Go 1.26).
func Erasing(f func()) { secret.Do(f) }
