package main

import (
	"volar/sim"
	"volar/sim/attack"
	"volar/sim/palm"
)

// corpusConditions are those that genuine hands come in, in turn.
var corpusConditions = []string{"", "cold", "", "ring", "dirty", "", "plaster"}

// corpusScript is who comes on tape i of a corpus: one person enrols, and
// then the person, others, and things that are no hands come in turn.
func corpusScript(i int, seed uint64) []sim.Presentation {
	var list []sim.Presentation
	add := func(p sim.Presentation) {
		p.ID, p.Person, p.Seed = len(list)+1, 1, seed+uint64(i)
		if p.Kind == "" {
			p.Kind = sim.Genuine
		}
		if p.Purpose == "" {
			p.Purpose = "identify"
		}
		list = append(list, p)
	}
	add(sim.Presentation{Purpose: "enrol"})
	flaws := palm.Flaws()
	turn := 0
	for range 6 {
		add(sim.Presentation{Condition: corpusConditions[(i+turn)%len(corpusConditions)]})
		add(sim.Presentation{Kind: sim.Attacking, Species: attack.All[(6*i+turn)%len(attack.All)].Name})
		add(sim.Presentation{Purpose: "verify", Pose: "unguided"})
		add(sim.Presentation{Kind: sim.Stranger})
		add(sim.Presentation{Kind: sim.Poor, Flaw: flaws[(i+turn)%len(flaws)].String()})
		add(sim.Presentation{Purpose: "verify", Kind: sim.Impostor, By: 2 + turn})
		turn++
	}
	add(sim.Presentation{Purpose: "enrol"}) // who is enrolled cannot enrol again
	add(sim.Presentation{Purpose: "update"})
	add(sim.Presentation{Purpose: "delete"})
	add(sim.Presentation{}) // who is deleted is a stranger
	return list
}

// smallScript is one of each, for tests.
func smallScript(seed uint64) []sim.Presentation {
	list := []sim.Presentation{
		{Purpose: "enrol", Kind: sim.Genuine},
		{Purpose: "identify", Kind: sim.Genuine, Condition: "ring"},
		{Purpose: "identify", Kind: sim.Attacking, Species: "print-wrapped"},
	}
	for i := range list {
		list[i].ID, list[i].Person, list[i].Seed = i+1, 1, seed
	}
	return list
}
