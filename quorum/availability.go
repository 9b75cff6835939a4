package quorum

import (
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
	chances, err := chancesOf(s, up)
	if err != nil {
		return Availability{}, err
	}
	c, err := availability(budgetFor(s, "the availability", aQuestion), s, chances)
	return Availability{c}, err
}

// chancesOf asks for the probability of each voter, in the order of Voters.
func chancesOf(s System, up func(id int64) Probability) ([]chance, error) {
	ids := s.Voters()
	chances := make([]chance, len(ids))
	for i, id := range ids {
		p := up(id)
		if !p.valid() {
			return nil, invalidf("no probability for server %d", id)
		}
		chances[i] = p.chance()
	}
	return chances, nil
}

// availability is Available for the voters' chances in their order.
func availability(b *budget, s System, chances []chance) (chance, error) {
	if f, ok := single(s); ok {
		groups, err := f.outages(b, chances)
		if err != nil {
			return chance{}, err
		}
		return outage(b, groups, int64(f.toBlockAny()))
	}
	if p, ok := asPair(s); ok {
		return p.availability(b, chances)
	}
	t, err := tabulate(s)
	if err != nil {
		return chance{}, err
	}
	return t.availability(chances), nil
}

// outages are the groups as things that fail: by losing their majority.
func (f form) outages(b *budget, chances []chance) ([]item, error) {
	groups := make([]item, len(f.groups))
	for i, g := range f.groups {
		c, err := outage(b, g.items(chances), g.bar())
		if err != nil {
			return nil, err
		}
		groups[i] = item{1, c}
	}
	return groups, nil
}

// items are the group's members as things that fail.
func (g formGroup) items(chances []chance) []item {
	items := make([]item, len(g.members))
	for i, m := range g.members {
		items[i] = item{m.weight, chances[m.index]}
	}
	return items
}

// availability adds up the states, winning and losing ones apart.
func (t *table) availability(chances []chance) chance {
	total := chance{math.Inf(-1), math.Inf(-1)}
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
