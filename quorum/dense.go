package quorum

import "math"

// dense is the tilted distribution of the failed weight of the items so far, in
// an array over sums. What lies outside of low..high is zero.
//
// Most of the array is next to nothing: of a thousand servers of weights 1 to
// 1000, all but 1e-20 of the distribution lies within a third of it. trim cuts the
// edges below trimBelow off and keeps the account of it in lost; whoever reads a
// result compares, and computes it again without trimming when the account is not small
// against the result (see trimmed). So nothing is traded for the speed.
type dense struct {
	mass      []float64
	low, high int64
	trimBelow float64 // entries below are cut off at the edges; 0: never
	lost      float64 // what was cut off, in all
}

const (
	trimBelow = 1e-28
	trimError = 1e-15 // relative: beyond it, the result is computed again without trimming
)

// newDense is the distribution of no items, with room for sums below bar.
func newDense(bar int64, trimBelow float64) *dense {
	d := &dense{mass: make([]float64, bar), trimBelow: trimBelow}
	d.mass[0] = 1
	return d
}

// add adds an item, for sums from floor on and within the array.
func (d *dense) add(b *budget, s step, floor int64) error {
	w, lo := s.weight, d.low
	hi := min(d.high+w, int64(len(d.mass))-1)
	if err := b.spend(hi - lo + 1); err != nil {
		return err
	}
	// From the top, so that each entry is read before it is written.
	if lo+w <= hi {
		to, from := d.mass[lo+w:hi+1], d.mass[lo:hi+1-w]
		from = from[:len(to)]
		up, down := s.up, s.down
		for j := len(to) - 1; j >= 0; j-- {
			to[j] = to[j]*up + from[j]*down
		}
	}
	for j := range d.mass[lo:min(lo+w, hi+1)] {
		d.mass[lo+int64(j)] *= s.up
	}
	d.high = hi
	d.raise(floor)
	d.trim()
	return nil
}

// raise drops the sums below floor: they no longer matter.
func (d *dense) raise(floor int64) {
	if floor > d.low {
		clear(d.mass[d.low:min(floor, d.high+1)])
		d.low = min(floor, d.high)
	}
}

func (d *dense) trim() {
	for d.low < d.high && d.mass[d.low] < d.trimBelow {
		d.lost += d.mass[d.low]
		d.mass[d.low] = 0
		d.low++
	}
	for d.low < d.high && d.mass[d.high] < d.trimBelow {
		d.lost += d.mass[d.high]
		d.mass[d.high] = 0
		d.high--
	}
}

// weigh returns Σ mass[j]·e^(-t(j-origin)) over from <= j < to: what those sums
// are worth once the tilt is taken off, up to the norm.
func (d *dense) weigh(b *budget, t float64, origin, from, to int64) (float64, error) {
	from, to = max(from, d.low), min(to, d.high+1)
	if from >= to {
		return 0, nil
	}
	if err := b.spend(8 * (to - from)); err != nil {
		return 0, err
	}
	sum := 0.0
	for j, m := range d.mass[from:to] {
		sum += m * math.Exp(-t*float64(from+int64(j)-origin))
	}
	return sum, nil
}

// denseTail returns ln P(failed weight >= bar). What reaches the bar is taken out
// at once: the remaining items cannot bring it back.
func denseTail(b *budget, steps []step, bar int64, t float64) (float64, error) {
	tail, err := denseTailTrimmed(b, steps, bar, t, trimBelow)
	if err == nil && math.IsNaN(tail) {
		return denseTailTrimmed(b, steps, bar, t, 0)
	}
	return tail, err
}

// denseTailTrimmed returns NaN when too much was trimmed away.
//
// What is lost is a share of the tilted measure, all of which is worth at most e^norm,
// norm over all items: a state at sum j still reaches the bar with probability
// E[e^(t·rest)]·e^(-t(bar-j)) at most (Chernoff).
func denseTailTrimmed(b *budget, steps []step, bar int64, t, trimBelow float64) (float64, error) {
	d := newDense(bar, trimBelow)
	rest := totals(steps)
	tail := 0.0 // in units of e^(norm of all)
	for k, s := range steps {
		crossing, err := d.weigh(b, t, bar-s.weight, bar-s.weight, bar)
		if err != nil {
			return 0, err
		}
		tail += crossing * s.down * math.Exp(-rest[k+1].norm)
		if err := d.add(b, s, bar-rest[k+1].weight); err != nil {
			return 0, err
		}
	}
	if d.lost > trimError*tail {
		return math.NaN(), nil
	}
	return min(rest[0].norm-t*float64(bar)+math.Log(tail), 0), nil
}
