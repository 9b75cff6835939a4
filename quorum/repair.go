package quorum

import (
	"fmt"
	"math"
	"math/big"
)

// Crew says how failed servers are repaired.
type Crew uint8

const (
	Parallel Crew = iota + 1 // each failed server is repaired at once
	OneCrew                  // one at a time; which of the failed ones is chance
)

func (c Crew) String() string {
	switch c {
	case Parallel:
		return "parallel"
	case OneCrew:
		return "one-crew"
	}
	return fmt.Sprintf("Crew(%d)", uint8(c))
}

// Repair is what failing and being repaired does to a quorum in the long run.
// Times are in the unit of the given mttf and mttr.
type Repair struct {
	// LossesPerTime is how often a quorum is lost, in the long run.
	LossesPerTime float64
	// MeanOutage is how long it then stays lost.
	MeanOutage float64
	// Availability is the share of time with a quorum.
	Availability Availability
	// Server is the share of time that any one server is up.
	Server float64
}

// Repairable computes how often a quorum is lost, and for how long, when every server fails
// after mttf on average and is repaired within mttr on average, independently,
// both exponentially distributed. The servers run on without a quorum, too. For
// how long a quorum lasts from the start, see MeanTimeToLoss.
//
// Algorithm: equal voters under a threshold are a birth-death chain on the number of
// failed ones: O(n). Repaired in parallel, servers are independent: a quorum is lost when
// a server fails that makes the difference, so losses are Σ_i P(i up)·importance_i/mttf,
// at the cost of Importance. With one crew, how many have failed is a birth-death chain
// all the same, and any servers are as likely as any others to be those: the failure
// profile says how many such sets are fatal, at the cost of FailureProfile. ErrTooLarge
// where these are. Errors wrap ErrInvalid for times that are not above zero, and for a
// system that has no quorum even with all servers up. Source: Birnbaum's failure frequency
// formula; exchangeability.
func Repairable(s System, mttf, mttr float64, crew Crew) (Repair, error) {
	if err := checkRepair(s, mttf, mttr); err != nil {
		return Repair{}, err
	}
	if n, bar, ok := countable(s, crew); ok {
		c := newBirthDeath(n, mttf, mttr, crew)
		r := c.threshold(bar)
		if r.Server = c.server(); crew == Parallel {
			r.Server = mttf / (mttf + mttr)
		}
		return r, nil
	}
	b := budgetFor(s, "the rate of quorum losses", aQuestion)
	if crew == OneCrew {
		return repairedByOne(b, s, mttf, mttr)
	}
	return repairedInParallel(b, s, mttf, mttr)
}

func checkRepair(s System, mttf, mttr float64) error {
	if _, err := FromRepair(mttf, mttr); err != nil {
		return err
	}
	if mttr == 0 {
		return invalidf("mean time to repair 0: nothing is repaired instantly")
	}
	if !s.IsQuorum(func(int64) bool { return true }) {
		return invalidf("there is no quorum even with all servers up")
	}
	return nil
}

// countable recognises systems in which only the number of failed servers
// matters: of n, bar are fatal.
func countable(s System, crew Crew) (n, bar int, ok bool) {
	f, ok := single(s)
	if !ok {
		return 0, 0, false
	}
	t, ok := f.asThreshold()
	// Weightless voters do not matter, unless they keep the one crew busy.
	if !ok || crew == OneCrew && len(t.members) < len(f.ids) {
		return 0, 0, false
	}
	return len(t.members), len(t.members) - t.need + 1, true
}

// birthDeath is the chain of how many of n equal servers have failed.
type birthDeath struct {
	fail, repair func(failed int) float64 // rates
	state        []float64                // ln of the probability of so many, in the long run
}

func newBirthDeath(n int, mttf, mttr float64, crew Crew) birthDeath {
	c := birthDeath{
		fail:   func(j int) float64 { return float64(n-j) / mttf },
		repair: func(j int) float64 { return float64(j) / mttr },
		state:  make([]float64, n+1),
	}
	if crew == OneCrew {
		c.repair = func(j int) float64 { return min(float64(j), 1) / mttr }
	}
	all := 0.0
	for j := range n { // π_j+1/π_j = λ_j/μ_j+1
		c.state[j+1] = c.state[j] + math.Log(c.fail(j)) - math.Log(c.repair(j+1))
		all = logAdd(all, c.state[j+1])
	}
	for j := range c.state {
		c.state[j] -= all
	}
	return c
}

// threshold is what the chain does when bar failures are fatal.
func (c birthDeath) threshold(bar int) Repair {
	below, above := math.Inf(-1), math.Inf(-1)
	for j, p := range c.state {
		if j < bar {
			below = logAdd(below, p)
		} else {
			above = logAdd(above, p)
		}
	}
	edge := c.state[bar-1] + math.Log(c.fail(bar-1)) // the rate of losing the quorum
	return newRepair(chance{up: below, down: above}, edge)
}

// server is how likely any one of them is up.
func (c birthDeath) server() float64 {
	up := 0.0
	for j, p := range c.state {
		up += math.Exp(p) * float64(len(c.state)-1-j) / float64(len(c.state)-1)
	}
	return min(up, 1)
}

// newRepair takes ln of the rate at which quorums are lost.
func newRepair(c chance, losses float64) Repair {
	return Repair{LossesPerTime: math.Exp(losses), MeanOutage: math.Exp(c.down - losses),
		Availability: Availability{chance{min(c.up, 0), min(c.down, 0)}}}
}

// repairedInParallel: each server fails and comes back by itself.
func repairedInParallel(b *budget, s System, mttf, mttr float64) (Repair, error) {
	p, err := FromRepair(mttf, mttr)
	if err != nil {
		return Repair{}, err
	}
	chances, err := chancesOf(s, Uniform(p))
	if err != nil {
		return Repair{}, err
	}
	c, err := availability(b, s, chances)
	if err != nil {
		return Repair{}, err
	}
	differences, err := importance(b, s, chances)
	if err != nil {
		return Repair{}, err
	}
	losses := math.Inf(-1)
	for i, difference := range differences {
		losses = logAdd(losses, chances[i].up+difference)
	}
	r := newRepair(c, losses-math.Log(mttf))
	r.Server = p.Up()
	return r, nil
}

// repairedByOne: by symmetry, given how many servers have failed, any set of so
// many is as likely as any other; with one more, too. So the share f_j of the sets of j that is
// fatal says it all: a quorum is lost from j to j+1 failures with probability f_j+1 - f_j.
func repairedByOne(b *budget, s System, mttf, mttr float64) (Repair, error) {
	profile, err := failureProfile(b, s)
	if err != nil {
		return Repair{}, err
	}
	c := newBirthDeath(len(profile)-1, mttf, mttr, OneCrew)
	total, losses := chance{math.Inf(-1), math.Inf(-1)}, math.Inf(-1)
	for j, row := range profile {
		surviving := new(big.Int).Sub(row.Total, row.Fatal)
		total.up = logAdd(total.up, c.state[j]+logRatio(surviving, row.Total))
		total.down = logAdd(total.down, c.state[j]+logRatio(row.Fatal, row.Total))
		if j+1 == len(profile) {
			break
		}
		// f_j+1 - f_j as one fraction: the total of j+1 is that of j, times (n-j)/(j+1).
		fatal := new(big.Int).Mul(profile[j+1].Fatal, big.NewInt(int64(j+1)))
		fatal.Sub(fatal, new(big.Int).Mul(row.Fatal, big.NewInt(int64(len(profile)-1-j))))
		more := logRatio(fatal, row.Total) - math.Log(float64(len(profile)-1-j))
		losses = logAdd(losses, c.state[j]+math.Log(c.fail(j))+more)
	}
	r := newRepair(total, losses)
	r.Server = c.server()
	return r, nil
}

// logRatio is ln(x/y) for x >= 0 and y > 0 of any size.
func logRatio(x, y *big.Int) float64 {
	if x.Sign() == 0 {
		return math.Inf(-1)
	}
	mantissa := new(big.Float)
	exponent := new(big.Float).Quo(new(big.Float).SetInt(x), new(big.Float).SetInt(y)).MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exponent)*math.Ln2
}
