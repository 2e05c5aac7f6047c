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
	exhaustive   = 20_480 // palms up to which all are looked at by the fine code; no fewer stay after the first stage
	keptShare    = 50     // of more palms one in so many stays,
	keptMost     = 65_536 // up to this
	fineVariants = 60
	thirdStage   = 1024
	toMatcher    = 40
)

// coarseVariants is how many variants the first stage tries among so many palms at most: all that the time allows.
var coarseVariants = []struct{ palms, variants int }{
	{400_000, fineVariants}, {700_000, 33}, {1_250_000, 13}, {5_000_000, 11}, {MaxPalms, 7},
}

func planFor(palms int) plan {
	p := plan{
		kept:      min(palms, max(min(palms/keptShare, keptMost), exhaustive)),
		fine:      fineVariants,
		keptFine:  min(palms, thirdStage),
		shortlist: min(palms, toMatcher),
	}
	for _, c := range coarseVariants {
		if p.coarse = c.variants; palms <= c.palms {
			break
		}
	}
	return p
}
