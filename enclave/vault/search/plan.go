package search

// A plan is how much each stage of a search tries and keeps. It follows from the number of palms alone, so that the
// work of a search tells nothing about what it finds.
type plan struct {
	glance    int // variants of the first stage's glance at all palms
	near      int // palms of each tile that the glance leaves
	coarse    int // variants for these
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
	leastNear    = 64     // palms of a tile that the first stage's glance leaves; twice what the stage keeps, where that is more
	fineVariants = 37
	thirdStage   = 1024
	toMatcher    = 24
)

// firstVariants is how many variants the first stage tries among so many palms at most: all that the time allows.
var firstVariants = []struct{ palms, glance, coarse int }{
	{400_000, 60, 60}, {700_000, 25, 37}, {1_250_000, 11, 25}, {5_000_000, 11, 25}, {MaxPalms, 7, 25},
}

func planFor(palms int) plan {
	p := plan{
		kept:      min(palms, max(min(palms/keptShare, keptMost), exhaustive)),
		fine:      fineVariants,
		keptFine:  min(palms, thirdStage),
		shortlist: min(palms, toMatcher),
	}
	if palms > 0 {
		p.near = min(max(2*tilePalms*p.kept/palms, leastNear), tilePalms)
	}
	for _, c := range firstVariants {
		if p.glance, p.coarse = c.glance, c.coarse; palms <= c.palms {
			break
		}
	}
	return p
}
