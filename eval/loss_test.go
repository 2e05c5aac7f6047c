package eval

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"volar/enclave/vault/matcher"
	"volar/enclave/vault/search"
	"volar/wire"
)

var (
	lossManifest = flag.String("loss.manifest", "", "manifest of the set that TestFirstStageLoss measures")
	lossBands    = flag.String("loss.bands", "", "its bands, as palmsim eval --bands")
	lossGallery  = flag.String("loss.gallery", "session=1", "selector of the enrolled captures")
	lossProbe    = flag.String("loss.probe", "session=2", "selector of the probes")
	lossEnrol    = flag.Int("loss.enrol", 3, "captures of a palm that are enrolled")
	lossFillers  = flag.Int("loss.fillers", 5000, "synthetic palms that the gallery is filled up with")
	lossTenant   = flag.String("loss.tenant", "", "code everything in the renewable scheme of a tenant of this name")
	lossCache    = flag.String("loss.cache", "", "folder of the synthetic palms, as palmsim eval --cache")
)

// lossSizes are the galleries whose first stage is looked at.
var lossSizes = []int{10_000, 100_000, 400_000, 1_000_000, 4_000_000, 10_000_000}

// TestFirstStageLoss counts the searches whose mate the first stage would leave out in
// galleries of several sizes, of which the palms of a set and synthetic ones stand for a fair sample:
//
//	go test ./eval -run TestFirstStageLoss -v -timeout 2h -loss.manifest palms.csv -loss.bands rgb=WHT,nir=850 -loss.cache DIR
func TestFirstStageLoss(t *testing.T) {
	if *lossManifest == "" {
		t.Skip("run with -loss.manifest and -loss.bands")
	}
	gallery, probes := lossSamples(t)
	o := Options{Enrol: *lossEnrol, Workers: runtime.GOMAXPROCS(0)}
	if *lossTenant != "" {
		o.Scheme = matcher.NewScheme(TenantKey(*lossTenant))
	}
	r := &run{options: o,
		failed: map[string]bool{}, poor: map[string]bool{}, inGallery: map[string]bool{}, inProbes: map[string]bool{}}
	if err := r.enrol(t.Context(), first(gallery, *lossEnrol)); err != nil {
		t.Fatal(err)
	}
	x := search.New(wire.Left)
	defer x.Close()
	mates := lossFill(t, r, x)
	var lock sync.Mutex
	searches, shortlisted := 0, 0
	lost, named := make([]int, len(lossSizes)), make([]int, len(lossSizes))
	var worst strings.Builder
	err := r.each(t.Context(), "searches", len(probes), func(i int) error {
		mate, enrolled := mates[probes[i].Palm]
		c, _, err := r.encode(&probes[i])
		if err != nil || c == nil || !enrolled {
			return err
		}
		defer c.Wipe()
		p := matcher.NewProbe(c)
		defer p.Wipe()
		captures := x.Captures(mate)
		near, _ := matcher.Nearest(p, &matcher.Entry{Hand: p.Hand(), Captures: captures})
		lock.Lock()
		defer lock.Unlock()
		searches++
		for _, who := range x.Shortlist(p) {
			if who == mate {
				shortlisted++
			}
		}
		for n, palms := range lossSizes {
			rank, kept, ok := x.RankAmong(p, mate, palms)
			if !ok {
				return fmt.Errorf("%s is not in the index", probes[i].ID)
			}
			if rank < kept {
				continue
			}
			lost[n]++
			if o.policy(1e-3).Accepts(near.Score, palms**lossEnrol) {
				named[n]++
			}
			if palms == 1_000_000 {
				fmt.Fprintf(&worst, " %s (rank %d, distance %.3f)", probes[i].ID, rank, near.Score.Fused)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d searches among %d palms: the matcher got the mate in %d", searches, x.Len(), shortlisted)
	for n, palms := range lossSizes {
		t.Logf("%9d palms: %3d lost by the first stage (%v), %d of them would have been named", palms, lost[n], clopperPearson(lost[n], searches), named[n])
	}
	t.Logf("lost among a million:%s", worst.String())
}

// lossSamples reads the set. All its palms go into one frame: this looks at one stage of the search and not at who is whom.
func lossSamples(t *testing.T) (gallery, probes []Sample) {
	bands, err := ParseBands(*lossBands)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadManifest(*lossManifest)
	if err != nil {
		t.Fatal(err)
	}
	of := func(selector string) []Sample {
		pick, err := ParseSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Samples(rows, bands, pick, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			views := list[i].Views
			list[i].Views = func() (wire.Hand, []wire.View, error) {
				_, v, err := views()
				return wire.Left, v, err
			}
		}
		return list
	}
	return of(*lossGallery), of(*lossProbe)
}

// lossFill enrols the set and synthetic palms of one capture each.
func lossFill(t *testing.T, r *run, x *search.Index) map[string]wire.Person {
	mates := map[string]wire.Person{}
	for i, e := range r.entries {
		if err := x.Put(person(i), e.list()); err != nil {
			t.Fatal(err)
		}
		mates[e.palm] = person(i)
	}
	if *lossFillers == 0 {
		return mates
	}
	fillers, err := OpenFillers(*lossCache, NewSynthetic(1), r.options.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	defer fillers.Close()
	progress := func(stage string, done, total int) {
		if done%500 == 0 {
			fmt.Printf("%s %d of %d\n", stage, done, total)
		}
	}
	if err := fillers.Grow(t.Context(), *lossFillers, runtime.GOMAXPROCS(0), progress); err != nil {
		t.Fatal(err)
	}
	if err := fillers.Each(*lossFillers, func(i int, template []byte) error {
		c, err := matcher.ParseCapture(template)
		if err != nil {
			return err
		}
		defer c.Wipe()
		return x.Put(person(1<<24+i), []*matcher.Capture{c})
	}); err != nil {
		t.Fatal(err)
	}
	return mates
}
