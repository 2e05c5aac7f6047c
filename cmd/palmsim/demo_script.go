package main

import (
	"volar/sim"
	"volar/sim/palm"
	"volar/wire"
)

// demoScript is who comes to the device in a demonstration with n people.
func demoScript(n int, seed uint64) []sim.Presentation {
	var list []sim.Presentation
	add := func(p sim.Presentation) {
		p.ID, p.Seed = len(list)+1, seed
		if p.Kind == "" {
			p.Kind = sim.Genuine
		}
		list = append(list, p)
	}
	person := func(i int) int { return 1 + i%n }
	left, right := wire.Left.String(), wire.Right.String()
	identify, verify, enrol := wire.Identify.String(), wire.Verify.String(), wire.Enrol.String()

	for i := range n {
		kind := sim.Genuine
		if i == 1 {
			kind = sim.WrongHand
		}
		add(sim.Presentation{Purpose: enrol, Person: person(i), Kind: kind})
	}
	conditions := []string{"", "cold", "ring", "", "dirty", "plaster"}
	for i := range n {
		add(sim.Presentation{Purpose: identify, Person: person(i), Hand: left})
		add(sim.Presentation{Purpose: identify, Person: person(i), Hand: right, Pose: "unguided"})
		add(sim.Presentation{Purpose: verify, Person: person(i), Condition: conditions[i%len(conditions)]})
	}
	for i := range max(n/2, 2) {
		add(sim.Presentation{Purpose: identify, Person: person(i), Kind: sim.Stranger})
		if n > 1 {
			add(sim.Presentation{Purpose: verify, Person: person(i), Kind: sim.Impostor, By: person(i + 1)})
		}
	}
	for i, flaw := range palm.Flaws() {
		add(sim.Presentation{Purpose: identify, Person: person(i), Kind: sim.Poor, Flaw: flaw.String()})
	}
	for i, kind := range []sim.Kind{sim.PrintLaser, sim.PrintInkjet, sim.PrintVein, sim.ScreenKind} {
		add(sim.Presentation{Purpose: identify, Person: person(i), Kind: kind})
	}
	add(sim.Presentation{Purpose: enrol, Person: person(0)}) // who is enrolled cannot enrol again
	add(sim.Presentation{Purpose: wire.Update.String(), Person: person(1)})
	add(sim.Presentation{Purpose: wire.Delete.String(), Person: person(n - 1)})
	add(sim.Presentation{Purpose: identify, Person: person(n - 1)}) // who is deleted is a stranger
	return list
}
