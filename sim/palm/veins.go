package palm

import (
	"math"
	"math/rand/v2"
)

// The superficial veins of the palm are grown by space colonisation (Runions
// et al. 2005): points of tissue attract the nearest vein until it reaches
// them, and every vein is as thick as its branches need (Murray's law,
// exponent 2.7). Then some tips are joined, since palmar veins form loops.

// node is a point of the tree; the first ones are roots.
type node struct {
	at     Point
	parent int // -1 at a root
	radius float64
	seen   float64 // 0 at a tip that dives out of sight, 1 a few steps on
}

// tree is a network of veins.
type tree struct {
	nodes []node
	loops [][2]int // joined tips
}

// growth says how a tree grows; millimetres.
type growth struct {
	attractors int
	step       float64
	reach      float64 // an attractor beyond it pulls nothing
	kill       float64 // an attractor nearer than it is satisfied
	thin       float64 // radius of a tip
	loops      float64 // share of tips joined
}

func growTree(rng *rand.Rand, p *person, inside func(Point) bool, roots []Point, g growth) *tree {
	t := &tree{}
	for _, r := range roots {
		t.nodes = append(t.nodes, node{at: r, parent: -1})
	}
	goals := scatter(rng, p, inside, g.attractors)
	near := make([]int, len(goals)) // nearest node of each goal
	gap := make([]float64, len(goals))
	for i := range gap {
		gap[i] = math.Inf(1)
	}
	t.measure(goals, near, gap, 0)
	for range 160 {
		before := len(t.nodes)
		t.extend(rng, goals, near, gap, g)
		if len(t.nodes) == before || before > 1500 {
			break
		}
		t.measure(goals, near, gap, before)
	}
	t.join(rng, g.loops)
	t.relax()
	t.thicken(g.thin)
	t.fade()
	return t
}

// scatter throws points over the palm, denser in random patches.
func scatter(rng *rand.Rand, p *person, inside func(Point) bool, n int) []Point {
	b := box{-52 * p.scale, -46 * p.scale, 48 * p.scale, 76 * p.scale}
	crowd := newLattice(rng, b, 22)
	var out []Point
	for range 12 * n {
		if len(out) == n {
			break
		}
		q := Point{uniform(rng, b.x0, b.x1), uniform(rng, b.y0, b.y1)}
		if inside(q) && rng.Float64() < clamp(0.5+0.35*crowd.at(q.X, q.Y), 0.08, 1) {
			out = append(out, q)
		}
	}
	return out
}

// measure brings the distances up to date with the nodes added since from.
func (t *tree) measure(goals []Point, near []int, gap []float64, from int) {
	for i, q := range goals {
		for k := from; k < len(t.nodes); k++ {
			if d := t.nodes[k].at.sub(q).norm(); d < gap[i] {
				gap[i], near[i] = d, k
			}
		}
	}
}

// extend grows every node that is pulled by one step.
func (t *tree) extend(rng *rand.Rand, goals []Point, near []int, gap []float64, g growth) {
	pull := make([]Point, len(t.nodes))
	for i, q := range goals {
		if gap[i] > g.kill && gap[i] < g.reach {
			pull[near[i]] = pull[near[i]].add(q.sub(t.nodes[near[i]].at).unit())
		}
	}
	for k, d := range pull {
		if d == (Point{}) {
			continue
		}
		dir := d.unit().rotated(Point{}, normal(rng, 0, 0.22))
		if par := t.nodes[k].parent; par >= 0 {
			dir = dir.add(t.nodes[k].at.sub(t.nodes[par].at).unit().times(0.55)).unit()
		}
		t.nodes = append(t.nodes, node{at: t.nodes[k].at.add(dir.times(g.step)), parent: k})
	}
}

// join links a share of the tips to the nearest vein that is not their own branch.
func (t *tree) join(rng *rand.Rand, share float64) {
	tip := make([]bool, len(t.nodes))
	for i := range tip {
		tip[i] = true
	}
	for _, n := range t.nodes {
		if n.parent >= 0 {
			tip[n.parent] = false
		}
	}
	for i, is := range tip {
		if !is || rng.Float64() > share {
			continue
		}
		best, where := 16.0, -1
		for k := range t.nodes {
			if d := t.nodes[k].at.sub(t.nodes[i].at).norm(); d < best && !t.kin(i, k) {
				best, where = d, k
			}
		}
		if where >= 0 {
			t.loops = append(t.loops, [2]int{i, where})
		}
	}
}

// kin tells whether k is among the last ancestors of i.
func (t *tree) kin(i, k int) bool {
	for range 12 {
		if i == k {
			return true
		}
		if i = t.nodes[i].parent; i < 0 {
			return false
		}
	}
	return false
}

// relax smooths the course of the veins.
func (t *tree) relax() {
	n := len(t.nodes)
	for range 9 {
		sum := make([]Point, n)
		cnt := make([]float64, n)
		for i, nd := range t.nodes {
			if nd.parent >= 0 {
				sum[i] = sum[i].add(t.nodes[nd.parent].at)
				sum[nd.parent] = sum[nd.parent].add(nd.at)
				cnt[i]++
				cnt[nd.parent]++
			}
		}
		for i := range t.nodes {
			if cnt[i] > 1 {
				t.nodes[i].at = t.nodes[i].at.lerp(sum[i].times(1/cnt[i]), 0.5)
			}
		}
	}
}

// thicken sets the radii from the tips down.
func (t *tree) thicken(thin float64) {
	const murray = 2.7
	flow := make([]float64, len(t.nodes))
	leaf := math.Pow(thin, murray)
	for i := len(t.nodes) - 1; i >= 0; i-- {
		flow[i] = max(flow[i], leaf)
		t.nodes[i].radius = min(math.Pow(flow[i], 1/murray), 4*thin)
		if par := t.nodes[i].parent; par >= 0 {
			flow[par] += flow[i]
		}
	}
}

// fade lets veins dive out of sight towards their tips.
func (t *tree) fade() {
	height := make([]float64, len(t.nodes))
	for _, l := range t.loops {
		height[l[0]] = 4
	}
	for i := len(t.nodes) - 1; i >= 0; i-- {
		t.nodes[i].seen = min((height[i]+0.2)/4, 1)
		if par := t.nodes[i].parent; par >= 0 {
			height[par] = max(height[par], height[i]+1)
		}
	}
}

// paint draws the network: wider, fainter and softer where it runs deeper.
func (t *tree) paint(g *grid, deep *lattice, blur, gain float64) {
	line := func(a, b *node) {
		d := 0.5 * (deep.at(a.at.X, a.at.Y) + deep.at(b.at.X, b.at.Y))
		soft := blur * math.Exp(0.35*d)
		strength := func(n *node) float64 {
			w := math.Hypot(0.7*n.radius, soft)
			return gain * n.seen * clamp(0.62-0.4*d, 0.03, 1.3) * math.Sqrt(n.radius/w) * math.Sqrt(n.radius)
		}
		width := func(n *node) float64 { return math.Hypot(0.7*n.radius, soft) }
		g.paintSegment(a.at, b.at, width(a), width(b), strength(a), strength(b))
	}
	for i := range t.nodes {
		if par := t.nodes[i].parent; par >= 0 {
			line(&t.nodes[par], &t.nodes[i])
		}
	}
	for _, l := range t.loops {
		a, b := t.nodes[l[0]], t.nodes[l[1]]
		r := min(a.radius, b.radius)
		a.radius, b.radius = r, r
		// The joining vein leaves its tip straight on and bends over.
		ahead := Point{}
		if a.parent >= 0 {
			ahead = a.at.sub(t.nodes[a.parent].at)
		}
		mid := a.at.lerp(b.at, 0.5).add(ahead.unit().times(0.25 * b.at.sub(a.at).norm()))
		pts := through([]Point{a.at, mid, b.at}, 1)
		for i := 1; i < len(pts); i++ {
			line(&node{at: pts[i-1], radius: r, seen: 0.8}, &node{at: pts[i], radius: r, seen: 0.8})
		}
	}
}

// veinStep is the sample distance of the map of veins, in millimetres.
const veinStep = 0.5

// newVeins gives the optical density of the veins, about 1 over a thick
// vein just below the skin, already blurred by the tissue above.
func newVeins(p *person, o *outline, k kin) *grid {
	rng := k.own
	g := newGrid(o.view, veinStep)
	deep := newLattice(rng, o.bounds, 17)
	inside := func(q Point) bool { return o.signed(q) < -3 && q.Y < 76*p.scale }
	s := p.scale
	wristRoots := []Point{
		{(-14 + 4*k.norm()) * s, 84 * s}, {(3 + 4*k.norm()) * s, 86 * s}, {(18 + 4*k.norm()) * s, 84 * s},
		{(-44 + 2*k.norm()) * s, (30 + 4*k.norm()) * s}, {(44 + k.norm()) * s, (12 + 6*k.norm()) * s},
	}
	shallow := growTree(rng, p, inside, wristRoots, growth{
		attractors: 70 + rng.IntN(60), step: 2.4, reach: 34, kill: 5.5, thin: 0.5, loops: 0.65,
	})
	shallow.paint(g, deep, 0.55, 1)
	fingerVeins(rng, o, g, deep)
	under := newGrid(o.view, 1)
	arches := growTree(rng, p, inside, wristRoots[:3], growth{
		attractors: 45, step: 3, reach: 40, kill: 9, thin: 1.0, loops: 0.5,
	})
	arches.paint(under, deep, 1.7, 0.45)
	for j := range g.h {
		for i := range g.w {
			v := &g.v[j*g.w+i]
			*v += float32(under.at(g.x0+float64(i)*g.step, g.y0+float64(j)*g.step)) * (1 - 0.5**v)
		}
	}
	return g
}

// fingerVeins draws two veins along each finger and some links between them.
func fingerVeins(rng *rand.Rand, o *outline, g *grid, deep *lattice) {
	for i := range o.fingers {
		d := &o.fingers[i]
		for side := -1.0; side < 2; side += 2 {
			var pts []Point
			for t := 0.25; t <= 2.7; t += 0.25 {
				k := min(int(t), 2)
				a, b := d.joints[k], d.joints[k+1]
				q := a.lerp(b, t-float64(k))
				n := b.sub(a).unit().turn()
				pts = append(pts, q.add(n.times(side*d.width(t)*uniform(rng, 0.25, 0.7))))
			}
			pts = through(pts, 1.5)
			for j := 1; j < len(pts); j++ {
				v := clamp(0.4-0.3*deep.at(pts[j].X, pts[j].Y), 0.04, 0.8)
				g.paintSegment(pts[j-1], pts[j], 0.85, 0.85, v, v)
			}
		}
	}
}
