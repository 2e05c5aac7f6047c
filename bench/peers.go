package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"volar/enclave/vault/kernel"
	"volar/enclave/vault/memory"
)

const (
	peerCodes  = 1 << 20
	peerProbes = 64 // of each kind: at the place of their mate, and one step of the grid off
	peerRounds = 5
	nearestK   = 10
)

// comparePeers measures other programs on the same codes as the kernels, by turns in one
// run, all on one thread and by CPU time: 128 bytes a palm, the ten nearest of a million.
func comparePeers(b *bench) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	g, err := newContest()
	if err != nil {
		return err
	}
	defer g.blocks.Close()
	codes, probes := filepath.Join(dir, "codes"), filepath.Join(dir, "probes")
	if err := errors.Join(os.WriteFile(codes, g.rows, 0o600), os.WriteFile(probes, g.probeRows, 0o600)); err != nil {
		return err
	}
	g.rows = nil
	fmt.Fprintln(os.Stderr, "building the peers and their indexes")
	faiss, err := startPeer(dir, "faiss", []string{"-fopenmp", "-lfaiss", "-lopenblas"}, codes, probes, kernel.CoarseBytes)
	if err != nil {
		return err
	}
	flags, err := opencvFlags()
	if err != nil {
		return err
	}
	opencv, err := startPeer(dir, "opencv", flags, codes, probes, kernel.CoarseBytes)
	if err != nil {
		return err
	}
	if err := g.run(b, faiss, opencv); err != nil {
		return err
	}
	return errors.Join(faiss.stop(), opencv.stop())
}

// opencvFlags prefers the system's OpenCV to the one under build.
func opencvFlags() ([]string, error) {
	if text, err := exec.Command("pkg-config", "--cflags", "opencv4").Output(); err == nil {
		return append(strings.Fields(string(text)), "-lopencv_core", "-lopencv_features2d"), nil
	}
	root, err := filepath.Abs("build/opencv-" + runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	libs, err := filepath.Glob(root + "/usr/lib/*-linux-gnu")
	if err != nil || len(libs) == 0 {
		return nil, fmt.Errorf("no opencv4 for pkg-config and none in %s: make bench-peers fetches it", root)
	}
	return []string{"-I" + root + "/usr/include/opencv4", "-L" + libs[0], "-lopencv_features2d", "-lopencv_core",
		"-Wl,--disable-new-dtags,--allow-shlib-undefined,-rpath," + libs[0]}, nil
}

// A contest is the codes and the probes of one comparison.
type contest struct {
	rows      []byte // the codes one after the other
	blocks    *memory.Region
	probeRows []byte
	plain     [][]uint64         // probes for Hamming distances
	variants  [][]kernel.Variant // the same probes at 9 shifts
	mates     []int              // the codes that they should find
}

func newContest() (*contest, error) {
	fmt.Fprintln(os.Stderr, "making", peerCodes, "codes")
	blocks, err := memory.Map(peerCodes * kernel.CoarseBytes)
	if err != nil {
		return nil, err
	}
	g := &contest{blocks: blocks}
	t := newTexture(1)
	for i := range peerCodes {
		c := sparse(t.palm(uint64(i), 0, 0), 0, 0)
		kernel.SetCoarse(blocks.Bytes(), i, &c.Bits)
		g.rows = appendWords(g.rows, c.Bits[:])
	}
	for kind := range 2 {
		for i := range peerProbes {
			mate := i*(peerCodes/peerProbes) + 77
			p := t.mate(uint64(mate), 1, 2*kind, 0)
			upright := sparse(p, 0, 0)
			g.mates = append(g.mates, mate)
			g.plain = append(g.plain, upright.Bits[:])
			g.probeRows = appendWords(g.probeRows, upright.Bits[:])
			var v []kernel.Variant
			for dy := -2; dy <= 2; dy += 2 {
				for dx := -2; dx <= 2; dx += 2 {
					v = append(v, sparse(p, dx, dy))
				}
			}
			g.variants = append(g.variants, v)
		}
	}
	return g, nil
}

func appendWords(to []byte, words []uint64) []byte {
	for _, w := range words {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to
}

// sparse is every second cell of every second row of four planes, moved by whole cells, one row a
// word, so that a part is half the columns of one plane. What is unknown counts half.
func sparse(c *code, dx, dy int) (v kernel.Variant) {
	var unknown [kernel.Parts]int
	for j := range kernel.CoarseWords {
		y := 2*j - dy
		for i := range kernel.CoarseWords {
			x := 2*i - dx
			for p, k := range [4]int{0, 1, 3, 4} {
				at := uint64(1) << (16*p + i)
				if x < 0 || y < 0 || x >= cells || y >= cells || c.care[k][y]>>x&1 == 0 {
					unknown[(16*p+i)/8]++
					continue
				}
				v.Mask[j] |= at
				if c.bits[k][y]>>x&1 == 1 {
					v.Bits[j] |= at
				}
			}
		}
	}
	for p, n := range unknown {
		v.Bias[p] = uint8(n / 2)
	}
	return v
}
