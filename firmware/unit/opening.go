package unit

// Opening is what to do with the secret of the unit at boot.
type Opening uint8

const (
	// Locked: there is a secret and this system does not get it. Nothing is
	// written. It is the zero Opening.
	Locked Opening = iota
	// Open: the secret is there.
	Open
	// Fresh: there is no secret, or none that any system could ever open
	// again. A new one is made and the data partition with it.
	Fresh
)

// Facts are what was seen of the secret.
type Facts struct {
	Blank    bool // the keybox was never written, or wiped
	Unsealed bool // the TPM gave the secret
	Wiped    bool // the TPM has no storage key: it is new, or was reset
}

// Decide says what the facts mean. A new unit is one that never had a secret,
// or whose TPM has forgotten the key over it: a factory reset kills that key
// first, and a power cut may come before the rest of it. Whatever else keeps
// the secret shut, a damaged box, another system, another TPM, may be undone,
// so nothing is overwritten.
func Decide(f Facts) Opening {
	switch {
	case f.Unsealed:
		return Open
	case f.Blank, f.Wiped:
		return Fresh
	}
	return Locked
}

// String is for the log.
func (o Opening) String() string {
	switch o {
	case Open:
		return "open"
	case Fresh:
		return "fresh"
	}
	return "locked"
}
