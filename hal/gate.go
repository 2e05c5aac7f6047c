package hal

// Gate lets a person through: a relay on a door, a line to a door controller,
// or both.
type Gate interface {
	// Admit opens for as long as the board says, and sends number where there
	// is a line for it. It does not block.
	Admit(number uint64) error
}
