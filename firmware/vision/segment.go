package vision

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"
)

// silhouette is a hand cut from its ground, in a working picture of at most
// workSide pixels a side.
type silhouette struct {
	w, h   int
	grey   []byte // smoothed brightness
	skin   []byte // 255 on the hand, 0 elsewhere
	curves [][]Point
	area   int     // pixels of the hand
	radius float64 // of the largest circle inside the hand and the picture
	middle Point   // of that circle
}

const (
	workSide = 640
	// minHand is the least share of the picture that a hand covers.
	minHand = 0.03
	// minContrast is how much brighter than the ground a hand is, of 255.
	minContrast = 16
)

// cut finds the largest bright region of an 8-bit picture. The slices of the
// result live in Mats that ms owns.
func (ms *mats) cut(grey *gocv.Mat) (*silhouette, error) {
	w, h := grey.Cols(), grey.Rows()
	smooth := ms.empty()
	gocv.GaussianBlur(*grey, smooth, image.Pt(5, 5), 1.1, 1.1, gocv.BorderReplicate)
	s := &silhouette{w: w, h: h, grey: bytesOf(smooth)}
	level, err := groundLevel(s.grey)
	if err != nil {
		return nil, err
	}
	bright := ms.empty()
	gocv.Threshold(*smooth, bright, float32(level), 255, gocv.ThresholdBinary)
	ms.slits(grey, bright)
	mask := ms.sized(h, w, gocv.MatTypeCV8U)
	mask.SetTo(gocv.NewScalar(0, 0, 0, 0))
	if err := s.largest(ms, bright, mask); err != nil {
		return nil, err
	}
	s.skin = bytesOf(mask)
	s.inscribe(ms, mask)
	return s, nil
}

const (
	slitWidth = 13   // pixels of the working picture, at most
	slitDepth = 0.25 // of the brightness of the skin on both sides
)

// slits clears from bright what is much darker than its surroundings on both
// sides: the gap between two fingers that almost touch, where light from the
// fingers keeps the ground from being dark. No crease or vein is that dark.
func (ms *mats) slits(grey, bright *gocv.Mat) {
	closed, limit := ms.empty(), ms.empty()
	kernel := ms.keep(gocv.GetStructuringElement(gocv.MorphRect, image.Pt(slitWidth, slitWidth)))
	gocv.MorphologyEx(*grey, closed, gocv.MorphClose, *kernel)
	closed.ConvertToWithParams(limit, gocv.MatTypeCV8U, slitDepth, 0)
	lit := ms.empty()
	gocv.Compare(*grey, *limit, lit, gocv.CompareGE)
	gocv.BitwiseAnd(*bright, *lit, bright)
}

// groundLevel is the brightness that parts a hand from its ground: Otsu's
// threshold (IEEE Trans. SMC 9, 1979) of the square root of the brightness.
// The root makes the threshold fall nearer to the ground, so that fingers
// that the lamp lights less than the palm stay whole.
func groundLevel(pix []byte) (int, error) {
	const bins = 256
	var hist [bins]int
	var full [256]int
	for _, v := range pix {
		full[v]++
	}
	for v, n := range full {
		hist[int(math.Sqrt(float64(v)*255)+0.5)] += n
	}
	total, sum := 0, 0.0
	for i, n := range hist {
		total += n
		sum += float64(i) * float64(n)
	}
	best, at := -1.0, 0
	below, sumBelow := 0, 0.0
	for i, n := range hist {
		below += n
		sumBelow += float64(i) * float64(n)
		if below == 0 || below == total {
			continue
		}
		m0, m1 := sumBelow/float64(below), (sum-sumBelow)/float64(total-below)
		if v := float64(below) * float64(total-below) * (m1 - m0) * (m1 - m0); v > best {
			best, at = v, i
		}
	}
	root := float64(at) + 0.5
	level := int(root * root / 255)
	var n, mean [2]float64
	for v, c := range full {
		side := 0
		if v > level {
			side = 1
		}
		n[side] += float64(c)
		mean[side] += float64(c) * float64(v)
	}
	if n[1] == 0 || n[0] == 0 || mean[1]/n[1]-mean[0]/n[0] < minContrast {
		return 0, fmt.Errorf("%w: nothing stands out from the ground", ErrNoHand)
	}
	return level, nil
}

// largest keeps the largest region of bright with its larger holes (a hole
// may be the gap between two fingers whose tips touch) and its outlines.
func (s *silhouette) largest(ms *mats, bright, mask *gocv.Mat) error {
	tree := ms.empty()
	found := gocv.FindContoursWithParams(*bright, tree, gocv.RetrievalCComp, gocv.ChainApproxNone)
	defer found.Close()
	best, area := -1, 0.0
	for i := range found.Size() {
		if tree.GetVeciAt(0, i)[3] >= 0 {
			continue // a hole
		}
		if a := gocv.ContourArea(found.At(i)); a > area {
			best, area = i, a
		}
	}
	if best < 0 || area < minHand*float64(s.w*s.h) {
		return fmt.Errorf("%w: the largest bright region covers %.1f%% of the picture, needs %.0f%%",
			ErrNoHand, 100*area/float64(s.w*s.h), 100*minHand)
	}
	fill := func(i int, v uint8) {
		gocv.DrawContours(mask, found, i, color.RGBA{v, v, v, 0}, -1)
		s.curves = append(s.curves, curve(found.At(i)))
	}
	fill(best, 255)
	for hole := tree.GetVeciAt(0, best)[2]; hole >= 0; hole = tree.GetVeciAt(0, int(hole))[0] {
		if gocv.ContourArea(found.At(int(hole))) > max(0.0003*area, 20) {
			fill(int(hole), 0)
		}
	}
	for _, v := range bytesOf(mask) {
		if v != 0 {
			s.area++
		}
	}
	return nil
}

func curve(v gocv.PointVector) []Point {
	out := make([]Point, 0, v.Size())
	for _, p := range v.ToPoints() {
		out = append(out, Point{float64(p.X), float64(p.Y)})
	}
	return out
}

// inscribe finds the largest circle inside the hand and the picture.
func (s *silhouette) inscribe(ms *mats, mask *gocv.Mat) {
	framed := ms.empty()
	gocv.CopyMakeBorder(*mask, framed, 1, 1, 1, 1, gocv.BorderConstant, color.RGBA{})
	dist, labels := ms.empty(), ms.empty()
	gocv.DistanceTransform(*framed, dist, labels, gocv.DistL2, gocv.DistanceMask5, gocv.DistanceLabelCComp)
	_, r, _, at := gocv.MinMaxLoc(*dist)
	s.radius, s.middle = float64(r), Point{float64(at.X - 1), float64(at.Y - 1)}
}

// on tells whether p is on the hand; outside the picture nothing is.
func (s *silhouette) on(p Point) bool {
	x, y := int(math.Floor(p.X+0.5)), int(math.Floor(p.Y+0.5))
	return x >= 0 && y >= 0 && x < s.w && y < s.h && s.skin[y*s.w+x] != 0
}

// inside tells whether p is in the picture, at least m pixels from its edge.
func (s *silhouette) inside(p Point, m float64) bool {
	return p.X >= m && p.Y >= m && p.X <= float64(s.w-1)-m && p.Y <= float64(s.h-1)-m
}

// at is the brightness at p, between pixels too; outside it is that of the edge.
func (s *silhouette) at(p Point) float64 {
	x := min(max(p.X, 0), float64(s.w-1))
	y := min(max(p.Y, 0), float64(s.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, s.w-1), min(y0+1, s.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	g := func(x, y int) float64 { return float64(s.grey[y*s.w+x]) }
	return (g(x0, y0)*(1-fx)+g(x1, y0)*fx)*(1-fy) + (g(x0, y1)*(1-fx)+g(x1, y1)*fx)*fy
}
