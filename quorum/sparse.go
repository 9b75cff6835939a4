package quorum

import "math"

// weighed is a sum that occurs, and what is known of it.
type weighed[T any] struct {
	sum   int64
	value T
}

// branch adds an item of weight w to the sums that occur, in ascending order:
// each stays as it is, and each goes up by w. It merges the two ordered walks;
// join combines what meets in one sum. Weights such as 10^12 make few sums, and
// an array over them impossible.
func branch[T any](b *budget, states []weighed[T], w int64, stay, move func(T) T, join func(a, b T) T) ([]weighed[T], error) {
	if len(states) > maxStates {
		return nil, b.exhausted("must tell apart more than %d sums", maxStates)
	}
	if err := b.spend(16 * int64(len(states))); err != nil {
		return nil, err
	}
	next := make([]weighed[T], 0, 2*len(states))
	push := func(sum int64, value T) {
		if n := len(next); n > 0 && next[n-1].sum == sum {
			next[n-1].value = join(next[n-1].value, value)
			return
		}
		next = append(next, weighed[T]{sum, value})
	}
	i, j := 0, 0
	for j < len(states) {
		if i < len(states) && states[i].sum <= states[j].sum+w {
			push(states[i].sum, stay(states[i].value))
			i++
		} else {
			push(states[j].sum+w, move(states[j].value))
			j++
		}
	}
	return next, nil
}

// below drops the states at bar and beyond, and above those under floor.
func below[T any](states []weighed[T], bar int64) []weighed[T] {
	for len(states) > 0 && states[len(states)-1].sum >= bar {
		states = states[:len(states)-1]
	}
	return states
}

func above[T any](states []weighed[T], floor int64) []weighed[T] {
	for len(states) > 0 && states[0].sum < floor {
		states = states[1:]
	}
	return states
}

// branchMass is branch under a tilted step.
func branchMass(b *budget, states []weighed[float64], s step) ([]weighed[float64], error) {
	return branch(b, states, s.weight,
		func(m float64) float64 { return m * s.up },
		func(m float64) float64 { return m * s.down },
		func(x, y float64) float64 { return x + y })
}

// sparseTail is denseTail over a list of the sums that occur.
func sparseTail(b *budget, steps []step, bar int64, t float64) (float64, error) {
	rest := totals(steps)
	states := []weighed[float64]{{0, 1}}
	tail := 0.0 // in units of e^(norm of all)
	for k, s := range steps {
		next, err := branchMass(b, states, s)
		if err != nil {
			return 0, err
		}
		states = below(next, bar)
		crossing := 0.0
		for _, st := range next[len(states):] {
			crossing += st.value * math.Exp(-t*float64(st.sum-bar))
		}
		tail += crossing * math.Exp(-rest[k+1].norm)
		states = above(states, bar-rest[k+1].weight)
	}
	return min(rest[0].norm-t*float64(bar)+math.Log(tail), 0), nil
}
