package quorum

import "math"

// This file computes what a pair of majorities is worth when its voters fail. The
// three kinds of voters (see pair) fail independently of each other, so that the
// numbers of those that are up, x, y and z, are all that matters. Everything is
// only added up, never subtracted.

// weather is a voter's chance, to be multiplied.
type weather struct{ up, down scaled }

func weatherOf(chances []chance, positions []int) []weather {
	picked := make([]weather, len(positions))
	for k, i := range positions {
		picked[k] = weather{scaledExp(chances[i].up), scaledExp(chances[i].down)}
	}
	return picked
}

// tally is the distribution of how many of some voters are up.
type tally struct {
	exact   []scaled // P(exactly k up), k = 0..n
	atLeast []scaled // P(k or more up), k = 0..n
	below   []scaled // P(fewer than k up), k = 0..n
}

func newTally(b *budget, voters []weather) (tally, error) {
	n := len(voters)
	if err := b.spend(4 * int64(n+1) * int64(n+1)); err != nil {
		return tally{}, err
	}
	t := tally{exact: append(make([]scaled, 0, n+1), scaled{1, 0}), atLeast: make([]scaled, n+1), below: make([]scaled, n+1)}
	for _, v := range voters {
		t.exact = oneMore(t.exact, v)
	}
	var sum scaled
	for k := n; k >= 0; k-- {
		sum = sum.plus(t.exact[k])
		t.atLeast[k] = sum
	}
	sum = scaled{}
	for k := range t.below {
		t.below[k] = sum
		sum = sum.plus(t.exact[k])
	}
	return t, nil
}

// oneMore adds a voter to P(exactly k up), in place if there is room.
func oneMore(exact []scaled, v weather) []scaled {
	exact = append(exact, scaled{})
	for k := len(exact) - 1; k > 0; k-- {
		exact[k] = exact[k].times(v.down).plus(exact[k-1].times(v.up))
	}
	exact[0] = exact[0].times(v.down)
	return exact
}

// is, reaches and misses are P of exactly, at least, and fewer than k up, for any k.
func (t tally) is(k int) scaled {
	if k < 0 || k >= len(t.exact) {
		return scaled{}
	}
	return t.exact[k]
}

func (t tally) reaches(k int) scaled {
	if k < len(t.atLeast) {
		return t.atLeast[max(k, 0)]
	}
	return scaled{}
}

func (t tally) misses(k int) scaled {
	if k < len(t.below) {
		return t.below[max(k, 0)]
	}
	return scaled{1, 0}
}

// tallies returns those of the three kinds.
func (j pair) tallies(b *budget, chances []chance) (x, y, z tally, err error) {
	if x, err = newTally(b, weatherOf(chances, j.onlyA)); err != nil {
		return x, y, z, err
	}
	if y, err = newTally(b, weatherOf(chances, j.common)); err != nil {
		return x, y, z, err
	}
	z, err = newTally(b, weatherOf(chances, j.onlyB))
	return x, y, z, err
}

// availability conditions on how many of the common voters are up; given that,
// the voters that only one side has decide that side alone. O(n²).
func (j pair) availability(b *budget, chances []chance) (chance, error) {
	x, y, z, err := j.tallies(b, chances)
	if err != nil {
		return chance{}, err
	}
	var up, down scaled
	for k, p := range y.exact {
		a, c := j.p-k, j.q-k // missing on either side
		up = up.plus(p.times(x.reaches(a)).times(z.reaches(c)))
		down = down.plus(p.times(x.misses(a).plus(x.reaches(a).times(z.misses(c)))))
	}
	return chance{min(up.log(), 0), min(down.log(), 0)}, nil
}

// importance of each voter, in logarithms: that exactly one is missing on its side,
// and none on the other. O(n²).
func (j pair) importance(b *budget, chances []chance) ([]float64, error) {
	x, y, z, err := j.tallies(b, chances)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(chances))
	for i := range out {
		out[i] = math.Inf(-1)
	}
	for _, kind := range []struct {
		positions []int
		tips      func(others int) scaled // P(one more of this kind decides), given how many others of it are up
	}{
		{j.onlyA, func(k int) scaled { return y.is(j.p - 1 - k).times(z.reaches(j.q - j.p + 1 + k)) }},
		{j.onlyB, func(k int) scaled { return y.is(j.q - 1 - k).times(x.reaches(j.p - j.q + 1 + k)) }},
		{j.common, func(k int) scaled {
			return x.is(j.p - 1 - k).times(z.reaches(j.q - 1 - k)).plus(x.reaches(j.p - k).times(z.is(j.q - 1 - k)))
		}},
	} {
		values, err := leaveOneOut(b, weatherOf(chances, kind.positions), kind.tips)
		if err != nil {
			return nil, err
		}
		for k, i := range kind.positions {
			out[i] = values[k].log()
		}
	}
	return out, nil
}

// leaveOneOut returns for each voter E[tips(how many of the others are up)].
//
// A pass from the left keeps the distribution of those before each voter; a pass
// from the right carries the expectation over those after it, as a function of
// how many were up before. Where they meet, exactly one is left out. O(n²) time and
// memory.
func leaveOneOut(b *budget, voters []weather, tips func(others int) scaled) ([]scaled, error) {
	n := len(voters)
	if err := b.spend(16 * int64(n) * int64(n)); err != nil {
		return nil, err
	}
	before := make([][]scaled, n+1)
	before[0] = []scaled{{1, 0}}
	for i, v := range voters {
		before[i+1] = oneMore(append(make([]scaled, 0, i+2), before[i]...), v)
	}
	after := make([]scaled, n)
	for k := range after {
		after[k] = tips(k)
	}
	values := make([]scaled, n)
	for i := n - 1; i >= 0; i-- {
		for k, p := range before[i] {
			values[i] = values[i].plus(p.times(after[k]))
		}
		for k := range i {
			after[k] = after[k].times(voters[i].down).plus(after[k+1].times(voters[i].up))
		}
	}
	return values, nil
}
