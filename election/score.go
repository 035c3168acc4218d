package election

// Score is the load by which candidates and servers compare, in centi-percent:
// 0.5·CPU + 0.3·min(tasks/10, 1)·100 + 0.2·(100 − available memory). Percentages run from 0 to 100.
func Score(cpu, available float64, tasks int) uint16 {
	busy := min(max(float64(tasks), 0)/10, 1) * 100
	score := 0.5*percent(cpu) + 0.3*busy + 0.2*(100-percent(available))
	return uint16(score*100 + 0.5)
}

// percent forces p into 0..100; what is not a number counts as 0.
func percent(p float64) float64 {
	if !(p > 0) {
		return 0
	}
	return min(p, 100)
}

// bucket groups scores in steps of five points, so that noise does not rank candidates.
func bucket(score uint16) uint8 { return uint8(min(score, 10000) / 500) }
