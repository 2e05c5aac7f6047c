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
	exhaustive   = 40_960 // palms up to which all are looked at by the fine code
	keptShare    = 50     // of very many palms one in so many stays after the first stage,
	keptMost     = 65_536 // up to this
	fineVariants = 37
	thirdStage   = 1024
	toMatcher    = 24
)

// firstStages is, among so many palms at most, how many variants the first stage tries at a glance, how many palms of
// a tile this leaves at least (twice the share that the stage keeps, where that is more), how many variants are tried for these,
// and how many palms the stage keeps at least: all that the time allows.
var firstStages = []struct{ palms, glance, near, coarse, kept int }{
	{400_000, 60, 96, 60, exhaustive},
	{700_000, 25, 96, 37, 20_480},
	{1_250_000, 11, 64, 25, 20_480},
	{5_000_000, 11, 96, 25, 20_480},
	{MaxPalms, 7, 64, 25, 20_480},
}

func planFor(palms int) plan {
	p := plan{
		fine:      fineVariants,
		keptFine:  min(palms, thirdStage),
		shortlist: min(palms, toMatcher),
	}
	for _, c := range firstStages {
		p.glance, p.coarse = c.glance, c.coarse
		p.kept = min(palms, max(min(palms/keptShare, keptMost), c.kept))
		p.near = min(max(2*tilePalms*p.kept/max(palms, 1), c.near), tilePalms)
		if palms <= c.palms {
			break
		}
	}
	return p
}
