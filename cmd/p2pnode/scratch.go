package main

import "sync"

// scratch remembers what must not outlive the process: temporary files, child
// processes. Whatever ends the command, short of SIGKILL, runs what is left in it.
type scratch struct {
	mu   sync.Mutex
	last int
	undo map[int]func() // guarded by mu
}

// add registers an undoing and returns how to do it now; it runs once at most.
func (s *scratch) add(undo func()) (now func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undo == nil {
		s.undo = map[int]func(){}
	}
	s.last++
	id := s.last
	s.undo[id] = undo
	return func() { s.run(id) }
}

// clear undoes everything, the newest first.
func (s *scratch) clear() {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	for id := last; id > 0; id-- {
		s.run(id)
	}
}

func (s *scratch) run(id int) {
	s.mu.Lock()
	undo := s.undo[id]
	delete(s.undo, id)
	s.mu.Unlock()
	if undo != nil {
		undo()
	}
}
