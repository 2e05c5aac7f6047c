package search

import "sync"

// idle are scratches that no search uses. As many are kept as can work at a time.
var idle struct {
	sync.Mutex
	list []*scratch
}

func borrow() *scratch {
	idle.Lock()
	defer idle.Unlock()
	if n := len(idle.list); n > 0 {
		s := idle.list[n-1]
		idle.list = idle.list[:n-1]
		return s
	}
	return newScratch()
}

// giveBack wipes a scratch and keeps it for another search.
func (s *scratch) giveBack() {
	s.wipe()
	idle.Lock()
	defer idle.Unlock()
	if len(idle.list) < lanes() {
		idle.list = append(idle.list, s)
	}
}
