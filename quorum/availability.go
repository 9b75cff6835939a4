package quorum

import (
	"fmt"
	"math"
)

// Availability is the probability that a system has a quorum, from both sides.
type Availability struct {
	chance chance
}

// Up is the probability that there is a quorum.
func (a Availability) Up() float64 { return math.Exp(a.chance.up) }

// Down is the unavailability: the probability that there is none. Computed on
// its own, never as 1-Up(); it underflows to 0 below 1e-308, where Nines still
// tells the size.
func (a Availability) Down() float64 { return math.Exp(a.chance.down) }

// LogDown is the natural logarithm of Down, which does not underflow; negative infinity when
// the system cannot fail.
func (a Availability) LogDown() float64 { return a.chance.down }

// Nines is -log10 of the unavailability: 3 for 99.9 %.
func (a Availability) Nines() float64 {
	if a.chance.down == 0 {
		return 0 // not -0
	}
	return -a.chance.down / math.Ln10
}

// DowntimePerYear is the expected time without a quorum, in seconds a
// Julian year.
func (a Availability) DowntimePerYear() float64 { return a.Down() * SecondsPerYear }

// Available computes how likely a quorum is when each voter is up with
// its own probability, independently of the others.
//
// Algorithm: the losing tail of each group's failed weight, then the losing tail
// of the number of groups without their majority; see tail.go for the method. Relative
// error of Down about 1e-12. O(n²) for majorities, O(n·W) with W the weight that
// must fail; weights too spread for that are summed state by state. A
// reconfiguration between two majorities is conditioned on the common voters,
// O(n²); other systems are enumerated up to 20 voters. ErrTooLarge beyond;
// ErrInvalid when up returns a zero Probability. Source: the Poisson-binomial
// recursion, under Esscher's exponential tilting (1932).
func Available(s System, up func(id int64) Probability) (Availability, error) {
	for _, id := range s.Voters() {
		if !up(id).valid() {
			return Availability{}, fmt.Errorf("%w: no probability for server %d", ErrInvalid, id)
		}
	}
	c, err := availability(s, up)
	return Availability{c}, err
}

func availability(s System, up func(id int64) Probability) (chance, error) {
	if f, ok := single(s); ok {
		chances := make([]chance, len(f.ids))
		for i, id := range f.ids {
			chances[i] = up(id).chance()
		}
		return f.availability(chances)
	}
	if f, ok := s.(former); ok {
		if forms := f.forms(); len(forms) == 2 {
			if a, b, ok := pairOfThresholds(forms); ok {
				return pairAvailability(s.Voters(), a, b, up)
			}
		}
	}
	t, err := tabulate(s)
	if err != nil {
		return chance{}, err
	}
	return t.availability(up), nil
}

func (f form) availability(chances []chance) (chance, error) {
	groups := make([]item, len(f.groups))
	for i, g := range f.groups {
		c, err := g.availability(chances)
		if err != nil {
			return chance{}, err
		}
		groups[i] = item{1, c}
	}
	return outage(groups, int64(len(groups)-f.need+1))
}

// availability of a group's majority.
func (g formGroup) availability(chances []chance) (chance, error) {
	items := make([]item, len(g.members))
	for i, m := range g.members {
		items[i] = item{m.weight, chances[m.index]}
	}
	return outage(items, g.bar())
}

// pairAvailability conditions on how many of the common voters are up; given
// that, the voters that only one side has decide that side alone:
//
//	down = Σ_y P(y) · (Da + Db - Da·Db)
func pairAvailability(ids []int64, a, b threshold, up func(id int64) Probability) (chance, error) {
	var onlyA, onlyB, common []item
	inB := map[int]bool{}
	for _, i := range b.members {
		inB[i] = true
	}
	inA := map[int]bool{}
	for _, i := range a.members {
		inA[i] = true
		it := item{1, up(ids[i]).chance()}
		if inB[i] {
			common = append(common, it)
		} else {
			onlyA = append(onlyA, it)
		}
	}
	for _, i := range b.members {
		if !inA[i] {
			onlyB = append(onlyB, item{1, up(ids[i]).chance()})
		}
	}
	total := chance{math.Inf(-1), math.Inf(-1)}
	for failed, p := range failures(common) {
		y := len(common) - failed
		sideA, err := outage(onlyA, int64(len(onlyA)-(a.need-y)+1))
		if err != nil {
			return chance{}, err
		}
		sideB, err := outage(onlyB, int64(len(onlyB)-(b.need-y)+1))
		if err != nil {
			return chance{}, err
		}
		total.up = logAdd(total.up, p+sideA.up+sideB.up)
		total.down = logAdd(total.down, p+logAdd(sideA.down, sideA.up+sideB.down))
	}
	return chance{min(total.up, 0), min(total.down, 0)}, nil
}

// failures returns ln P(exactly k of the items fail) for k = 0..n, item weights
// aside. Sums of positive terms in logarithms: O(n²).
func failures(items []item) []float64 {
	p := []float64{0}
	for _, it := range items {
		next := make([]float64, len(p)+1)
		for k := range next {
			next[k] = math.Inf(-1)
			if k < len(p) {
				next[k] = p[k] + it.chance.up
			}
			if k > 0 {
				next[k] = logAdd(next[k], p[k-1]+it.chance.down)
			}
		}
		p = next
	}
	return p
}

// availability adds up the states, winning and losing ones apart.
func (t *table) availability(up func(id int64) Probability) chance {
	total := chance{math.Inf(-1), math.Inf(-1)}
	chances := make([]chance, len(t.ids))
	for i, id := range t.ids {
		chances[i] = up(id).chance()
	}
	states := stateChances(chances)
	winning, losing := kahan{}, kahan{}
	scale := math.Inf(-1)
	for set, p := range states {
		if !t.quorum[set] {
			scale = max(scale, p)
		}
	}
	for set, p := range states {
		if t.quorum[set] {
			winning.add(math.Exp(p))
		} else if !math.IsInf(p, -1) {
			losing.add(math.Exp(p - scale))
		}
	}
	total.up = math.Log(min(winning.sum, 1))
	if losing.sum > 0 {
		total.down = min(scale+math.Log(losing.sum), 0)
	}
	return total
}

// stateChances returns ln of the probability of each set of voters being exactly
// those that are up.
func stateChances(chances []chance) []float64 {
	states := make([]float64, 1, 1<<len(chances))
	for _, c := range chances {
		n := len(states)
		for set := range n {
			states = append(states, states[set]+c.up)
			states[set] += c.down
		}
	}
	return states
}

// kahan adds up many small numbers without losing their low bits.
type kahan struct{ sum, carry float64 }

func (k *kahan) add(x float64) {
	y := x - k.carry
	s := k.sum + y
	k.carry = (s - k.sum) - y
	k.sum = s
}
