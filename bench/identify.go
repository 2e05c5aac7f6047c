package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// The goals of a whole search by the clock, in milliseconds, on two cores with nothing else to do.
var searchWant = map[int]float64{1_000_000: 20, 10_000_000: 100}

// identify measures whole searches, stage by stage down to the decision, without the making of the
// probe. It runs the benchmark of the search itself, which can make galleries of ten million
// palms that share the whole codes of a few (enclave/vault/search): what a palm costs for itself is
// its own, and what the matcher sees at the end is real, but how many mates are found is not
// measured here.
func identify(b *bench) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "search.test")
	if text, err := exec.Command("go", "test", "-c", "-o", program, "./enclave/vault/search").CombinedOutput(); err != nil {
		return fmt.Errorf("build the search's benchmark: %w\n%s", err, text)
	}
	for _, palms := range []int{100_000, 1_000_000, 4_000_000, 10_000_000} {
		fmt.Fprintln(os.Stderr, "searching among", palms)
		text, err := exec.Command(program, "-test.run", "^$", "-test.bench", "^BenchmarkSearch$", "-test.benchtime", "40x",
			"-search.palms", strconv.Itoa(palms)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("search among %d: %w\n%s", palms, err, text)
		}
		p50, p95, size := metric(text, "p50-ms"), metric(text, "p95-ms"), metric(text, "B/palm")
		if p50 == 0 || p95 == 0 {
			return fmt.Errorf("search among %d: no figures in:\n%s", palms, text)
		}
		name := fmt.Sprintf("1:N among %d palms, p95", palms)
		note := fmt.Sprintf("by the clock, all cores; p50 %s ms; CPU time %s ms in all, at best", short(p50), short(metric(text, "cpu-ms")))
		if want := searchWant[palms]; want > 0 {
			b.below(name, p95, "ms", want, note)
		} else {
			b.add(name, p95, "ms", note)
		}
		if palms == 1_000_000 {
			b.add("memory for a palm", size, "bytes", "scanned in every search; whole codes, kept apart, take 3.1 kB a capture of both bands more")
		}
	}
	return nil
}

// metric reads one of a benchmark's own figures; 0 where there is none.
func metric(text []byte, unit string) float64 {
	m := regexp.MustCompile(`([0-9.e+]+) ` + regexp.QuoteMeta(unit)).FindSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return 0
	}
	return v
}
