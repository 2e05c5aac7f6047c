package search

// A plan is how much each stage of a search tries and keeps. It follows from the number of palms alone, so that the
// work of a search tells nothing about what it finds.
type plan struct {
	coarse    int // variants of the first stage over all palms
	kept      int // palms that it keeps; where that is all, the stage is left out
	fine      int // variants of the second stage
	keptFine  int // palms that it keeps for the third, which tries all variants
	shortlist int // palms that this one leaves to the matcher
}

// Sizes of a plan, see README.md.
const (
	exhaustive   = 8192 // palms up to which all are looked at by the fine code
	fineVariants = 60
	thirdStage   = 1024
	toMatcher    = 48
	keptShare    = 64 // one palm in so many stays after the first stage, but never fewer than exhaustive
	keptMost     = 160_000
)

func planFor(palms int) plan {
	p := plan{
		coarse:    11,
		kept:      min(palms, max(palms/keptShare, exhaustive)),
		fine:      fineVariants,
		keptFine:  min(palms, thirdStage),
		shortlist: min(palms, toMatcher),
	}
	switch {
	case palms <= 400_000:
		p.coarse = fineVariants
	case palms <= 1_500_000:
		p.coarse = 25
	}
	return p
}
