package boards

// Boot says how the board boots.
type Boot struct{}

func (b *Boot) check() error { return nil }
