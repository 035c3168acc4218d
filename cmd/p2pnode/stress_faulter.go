package main

// faulter is the run's own way to take servers off the network.
func (s *stress) faulter() faulter { f, _ := any(s.watcher).(faulter); return f }
