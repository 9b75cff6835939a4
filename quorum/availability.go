package quorum

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// SecondsPerYear is the Julian year, 365.25 days.
const SecondsPerYear = 31_557_600

// Probability is the probability that one thing is up. It carries both ends, because 1-p loses
// the very digits that matter when p is close to one. The zero value is not a probability.
type Probability struct {
	up, down float64 // in 0..1; up+down = 1 in exact arithmetic
}

// Certain is the probability of things that never fail.
var Certain = Probability{up: 1}

// Up returns the probability of being up.
func (p Probability) Up() float64 { return p.up }

// Down returns the probability of being down, to full precision even where 1-Up() has none.
func (p Probability) Down() float64 { return p.down }

func (p Probability) valid() bool { return p != Probability{} }

// ParseProbability reads "0.99", "99%" or "1e-3". The complement is taken of the decimal text,
// not of its rounded value, so that 0.999999999 has a down probability of 1e-9 to the last
// digit. Errors wrap ErrInvalid.
func ParseProbability(text string) (Probability, error) {
	number, percent := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(number, 64)
	limit := 1.0
	if percent {
		limit = 100
	}
	if err != nil || !(value >= 0 && value <= limit) { // written so that NaN fails
		return Probability{}, invalidf("probability %q is not a number between 0 and 1 (or 0%% and 100%%)", text)
	}
	exact, ok := new(big.Rat), false
	if len(number) <= 64 && (value == 0 || value >= 1e-300) { // no rational of a million digits
		exact, ok = exact.SetString(number)
	}
	if !ok { // hexadecimal and the like, which ParseFloat accepts
		return Probability{up: value / limit, down: 1 - value/limit}, nil
	}
	exact.Quo(exact, new(big.Rat).SetFloat64(limit))
	up, _ := exact.Float64()
	down, _ := exact.Sub(big.NewRat(1, 1), exact).Float64()
	return Probability{up: up, down: down}, nil
}

// FromRepair is the share of time that a server is up which fails every mttf on average and is
// back after mttr on average, both in the same unit: mttf/(mttf+mttr). Errors wrap ErrInvalid
// for a time that is not above zero. Source: renewal theory.
func FromRepair(mttf, mttr float64) (Probability, error) {
	for _, t := range []float64{mttf, mttr} {
		if !(t > 0) || math.IsInf(t, 0) {
			return Probability{}, invalidf("mean times to failure and repair, %v and %v, must be above zero", mttf, mttr)
		}
	}
	return Probability{up: mttf / (mttf + mttr), down: mttr / (mttf + mttr)}, nil
}

// Uniform gives every server the same probability.
func Uniform(p Probability) func(id int64) Probability {
	return func(int64) Probability { return p }
}

// chance is a probability in natural logarithms, so that no tail is too thin: of 255 servers at
// 0.9999, a majority is down with probability 1e-437, far below the smallest float64. Both
// sides are kept to full relative precision.
type chance struct{ up, down float64 }

var (
	nothing = math.Inf(-1) // ln 0
	dead    = chance{up: nothing, down: 0}
)

func (p Probability) chance() chance { return chance{math.Log(p.up), math.Log(p.down)} }

// balance replaces the likelier side, on which rounding shows, by what the other one leaves.
func (c chance) balance() chance {
	if c.up < c.down {
		return chance{c.up, log1mexp(c.up)}
	}
	return chance{log1mexp(c.down), c.down}
}

// log1mexp is ln(1-e^x) for x <= 0.
func log1mexp(x float64) float64 {
	if x > -math.Ln2 {
		return math.Log(-math.Expm1(x))
	}
	return math.Log1p(-math.Exp(x))
}

// logAdd is ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// Availability is the probability that a system has a quorum, from both sides.
type Availability struct{ chance chance }

// Up is the probability that there is a quorum.
func (a Availability) Up() float64 { return math.Exp(a.chance.up) }

// Down is the unavailability: the probability that there is none. Computed on its own, never as
// 1-Up(); it underflows to 0 below 1e-308, where Nines still tells the size.
func (a Availability) Down() float64 { return math.Exp(a.chance.down) }

// LogDown is the natural logarithm of Down; negative infinity when the system cannot fail.
func (a Availability) LogDown() float64 { return a.chance.down }

// Nines is -log10 of the unavailability: 3 for 99.9 %.
func (a Availability) Nines() float64 {
	return max(0, -a.chance.down/math.Ln10) // and not -0
}

// DowntimePerYear is the expected time without a quorum, in seconds a Julian year.
func (a Availability) DowntimePerYear() float64 { return a.Down() * SecondsPerYear }

// Available computes how likely a quorum is when each voter is up with its own probability,
// independently of the others.
//
// The weight that is up in a group has a distribution, found by adding one voter after the
// other (the Poisson-binomial recursion); below the group's need its group is lost. The number
// of groups is distributed likewise. The losing states are added up on their own, all positive
// terms: thirteen servers at 0.999 are unavailable with 1.7e-18, of which 1-A has no digit.
// Relative error about 1e-12. A reconfiguration in flight is enumerated.
//
// Errors wrap ErrInvalid for a voter without a probability, ErrTooLarge for weights that are
// many and spread (maxSums), and for reconfigurations beyond what is enumerated.
func Available(s *System, up func(id int64) Probability) (Availability, error) {
	chances, err := chancesOf(s, up)
	if err != nil {
		return Availability{}, err
	}
	c, err := s.available(chances)
	return Availability{c}, err
}

func chancesOf(s *System, up func(id int64) Probability) (func(id int64) chance, error) {
	chances := make(map[int64]chance, len(s.voters))
	for _, id := range s.voters {
		p := up(id)
		if !p.valid() {
			return nil, invalidf("no probability for server %d", id)
		}
		chances[id] = p.chance()
	}
	return func(id int64) chance { return chances[id] }, nil
}

func (s *System) available(of func(id int64) chance) (chance, error) {
	if len(s.configs) > 1 {
		e, err := enumerate(s, of)
		if err != nil {
			return chance{}, err
		}
		return e.available(of), nil
	}
	c := s.configs[0]
	groups := make([]item, len(c.groups))
	for i, g := range c.groups {
		members := make([]item, len(g.members))
		for k, m := range g.members {
			members[k] = item{m.weight, of(m.id)}
		}
		inside, err := gather(members, g.need)
		if err != nil {
			return chance{}, err
		}
		groups[i] = item{1, inside}
	}
	return gather(groups, int64(c.need))
}

// item is one thing that is up or down, and weighs something when it is up.
type item struct {
	weight int64 // > 0
	chance chance
}

// maxSums is how many sums gather works through: what 20 weights make that all differ, or
// 255 of the weights 1 to 255.
const maxSums = 1 << 22

// gather returns how likely the items that are up weigh need or more, or less than that.
func gather(items []item, need int64) (chance, error) {
	type sum struct {
		weight int64 // all weights of need and more are one sum
		ln     float64
	}
	sums, work := []sum{{0, 0}}, 0
	for _, it := range items {
		next := make([]sum, 0, 2*len(sums))
		add := func(weight int64, ln float64) {
			if last := len(next) - 1; last >= 0 && next[last].weight == weight {
				next[last].ln = logAdd(next[last].ln, ln)
			} else {
				next = append(next, sum{weight, ln})
			}
		}
		i := 0 // two ordered walks are merged: each sum stays where it is, and each goes up
		for _, s := range sums {
			moved := need
			if s.weight < need-it.weight { // their sum may be beyond 64 bits
				moved = s.weight + it.weight
			}
			for ; i < len(sums) && sums[i].weight <= moved; i++ {
				add(sums[i].weight, sums[i].ln+it.chance.down)
			}
			add(moved, s.ln+it.chance.up)
		}
		if work += len(next); work > maxSums {
			return chance{}, tooLarge("%s whose weights differ make more than %d different sums; smaller weights, or fewer different ones, make fewer",
				Plural(len(items), "server"), maxSums)
		}
		sums = next
	}
	c := chance{nothing, nothing}
	for _, s := range sums {
		if s.weight == need {
			c.up = logAdd(c.up, s.ln)
		} else {
			c.down = logAdd(c.down, s.ln)
		}
	}
	return c.balance(), nil
}

// available adds up the states, with a quorum and without.
func (e *states) available(of func(id int64) chance) chance {
	times := func(n int, ln float64) float64 {
		if n == 0 { // 0 times ln 0 is 0
			return 0
		}
		return float64(n) * ln
	}
	c := chance{nothing, nothing}
	e.each(func(state int, up []int) {
		ways, _ := new(big.Float).SetInt(e.ways(up)).Float64()
		ln := math.Log(ways)
		for i, class := range e.classes {
			one := of(class.ids[0])
			ln += times(up[i], one.up) + times(len(class.ids)-up[i], one.down)
		}
		if e.quorum[state] {
			c.up = logAdd(c.up, ln)
		} else {
			c.down = logAdd(c.down, ln)
		}
	})
	return c.balance()
}

// Importance returns Birnbaum's importance of each voter, in the order of Voters: the derivative
// of the availability by the voter's own, which is how much more likely a quorum is with the
// voter certainly up than with it certainly down. It tells where another nine of reliability
// pays most; with all probabilities 1/2 it is the Banzhaf index.
//
// It is the difference of two unavailabilities; what is below 1e-12 of the larger one is
// rounding, and counts as 0. Errors as Available. Source: Birnbaum 1969, Banzhaf 1965.
func Importance(s *System, up func(id int64) Probability) ([]float64, error) {
	chances, err := chancesOf(s, up)
	if err != nil {
		return nil, err
	}
	known := map[string]float64{} // voters that are alike matter alike
	var out []float64
	for _, id := range s.voters {
		name := s.likeness(id, chances)
		if _, ok := known[name]; !ok {
			var at [2]float64 // the unavailability without the voter, and with it
			for i, c := range []chance{dead, Certain.chance()} {
				a, err := s.available(func(other int64) chance {
					if other == id {
						return c
					}
					return chances(other)
				})
				if err != nil {
					return nil, err
				}
				at[i] = a.down
			}
			known[name] = max(0, math.Exp(at[0])-math.Exp(at[1]))
			if known[name] < 1e-12*math.Exp(at[0]) {
				known[name] = 0
			}
		}
		out = append(out, known[name])
	}
	return out, nil
}

// SmallestFor returns the smallest odd number of equal voters whose majority is available with
// probability target or better, and that availability. Even sizes are left out: they tolerate
// no more than the odd size below, and are less available.
//
// Errors wrap ErrUnreachable for p <= 1/2 (unless one server already does), for a target of 1
// with servers that can fail, and when MaxVoters fall short; ErrInvalid for probabilities that
// are not given.
func SmallestFor(p, target Probability) (n int, a Availability, err error) {
	if !target.valid() {
		return 0, a, invalidf("no target is given")
	}
	for n := 1; n <= MaxVoters; n += 2 {
		s, err := MajorityOf(n)
		if err != nil {
			return 0, a, err
		}
		if a, err = Available(s, Uniform(p)); err != nil {
			return 0, a, err
		}
		if a.chance.down <= target.chance().down {
			return n, a, nil
		}
		if p.up <= 0.5 {
			return 0, a, fmt.Errorf("%w: at an availability of %v a server, more servers make the ensemble no better than one: "+
				"no size reaches %v", ErrUnreachable, p.up, target.up)
		}
	}
	return 0, a, fmt.Errorf("%w: not even %d servers at %v each reach %v", ErrUnreachable, MaxVoters, p.up, target.up)
}
