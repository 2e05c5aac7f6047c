package kernel

import "slices"

// A Tier is a set of instructions that the functions of this package are written in.
type Tier uint8

// The tiers, from the slowest. Plain is the one that every machine has and that the others must equal.
const (
	Plain Tier = iota
	NEON
	AVX2
	AVX512
)

func (t Tier) String() string {
	if int(t) >= len(names) {
		return "unknown"
	}
	return names[t]
}

var names = [...]string{"plain Go", "NEON", "AVX2", "AVX-512"}

// Tiers lists the tiers of this machine, slowest first.
func Tiers() []Tier { return slices.Clone(tiers) }

// tiers and active are settled before main begins.
var (
	tiers  = detect()
	active = tiers[len(tiers)-1]
)

// Active is the tier in use.
func Active() Tier { return active }

// Use makes the package use one tier of Tiers until the returned function is called.
// It is for tests and measurements: nothing else of this package may run meanwhile.
func Use(t Tier) (restore func()) {
	if !slices.Contains(tiers, t) {
		panic("kernel: use: this machine has no " + t.String())
	}
	before := active
	active = t
	return func() { active = before }
}
