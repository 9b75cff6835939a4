package quorum

import (
	"fmt"
	"math"
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
	// MeanTimeToLoss is the expected time from all servers up to the first
	// moment without a quorum. Positive infinity when it exceeds floating point.
	MeanTimeToLoss float64
	// LossesPerTime is how often a quorum is lost, in the long run.
	LossesPerTime float64
	// MeanOutage is how long it then stays lost.
	MeanOutage float64
	// Availability is the share of time with a quorum.
	Availability Availability
}

// maxChain bounds the states of a Markov chain that is solved by elimination.
const maxChain = 400

// Repairable computes how long a quorum lasts when every server fails
// after mttf on average and is repaired within mttr on average, independently,
// both exponentially distributed. The servers run on without a quorum, too.
//
// Algorithm: equal voters under a threshold are a birth-death chain on the
// number of failed ones; T_j = (1 + μ_j·T_{j-1}) / λ_j is the time from j to j+1
// failures, and everything is a sum of positive terms: O(n). Other systems are
// lumped into classes of voters that are alike; their chain is solved by elimination without
// subtractions (Grassmann, Taksar, Heyman), O(states³): ErrTooLarge beyond 400
// states. Errors wrap ErrInvalid for times that are not above zero, and for a
// system that has no quorum even with all servers up.
func Repairable(s System, mttf, mttr float64, crew Crew) (Repair, error) {
	if _, err := FromRepair(mttf, mttr); err != nil {
		return Repair{}, err
	}
	if mttr == 0 {
		return Repair{}, fmt.Errorf("%w: mean time to repair 0: nothing is repaired instantly", ErrInvalid)
	}
	if !s.IsQuorum(func(int64) bool { return true }) {
		return Repair{}, fmt.Errorf("%w: there is no quorum even with all servers up", ErrInvalid)
	}
	if f, ok := single(s); ok {
		// Weightless voters do not matter, unless they keep the one crew busy.
		if t, ok := f.asThreshold(); ok && (crew == Parallel || len(t.members) == len(f.ids)) {
			return birthDeath(len(t.members), len(t.members)-t.need+1, mttf, mttr, crew), nil
		}
	}
	return lumped(s, mttf, mttr, crew)
}

// birthDeath solves n equal servers of which bar failures are fatal.
func birthDeath(n, bar int, mttf, mttr float64, crew Crew) Repair {
	fail := func(j int) float64 { return float64(n-j) / mttf }
	repair := func(j int) float64 {
		if crew == OneCrew {
			return min(float64(j), 1) / mttr
		}
		return float64(j) / mttr
	}
	var r Repair
	step := 0.0
	for j := range bar {
		step = (1 + repair(j)*step) / fail(j)
		r.MeanTimeToLoss += step
	}
	// Stationary distribution in logarithms, up to a factor: π_j+1/π_j = λ_j/μ_j+1.
	state, below, above, edge := 0.0, math.Inf(-1), math.Inf(-1), 0.0
	for j := 0; j <= n; j++ {
		if j < bar {
			below = logAdd(below, state)
		} else {
			above = logAdd(above, state)
		}
		if j == bar-1 {
			edge = state + math.Log(fail(j)) // the rate of losing the quorum
		}
		if j < n {
			state += math.Log(fail(j)) - math.Log(repair(j+1))
		}
	}
	all := logAdd(below, above)
	r.Availability = Availability{chance{up: below - all, down: above - all}}
	r.LossesPerTime = math.Exp(edge - all)
	r.MeanOutage = math.Exp(above - edge)
	return r
}

// chain is the Markov chain of a system by how many of each class have failed.
type chain struct {
	size   []int // voters of each class
	class  [][]int64
	states [][]int // failed of each class
	index  map[string]int
	quorum []bool
}

func lumped(s System, mttf, mttr float64, crew Crew) (Repair, error) {
	c, err := newChain(s)
	if err != nil {
		return Repair{}, err
	}
	rates := c.rates(mttf, mttr, crew)
	var r Repair
	r.MeanTimeToLoss = c.timeToLoss(rates)
	stationary := stationary(rates)
	up, down, losses := 0.0, 0.0, 0.0
	for i, p := range stationary {
		if !c.quorum[i] {
			down += p
			continue
		}
		up += p
		for j, rate := range rates[i] {
			if !c.quorum[j] {
				losses += p * rate
			}
		}
	}
	r.Availability = Availability{chance{up: math.Log(up), down: math.Log(down)}}
	r.LossesPerTime, r.MeanOutage = losses, down/losses
	return r, nil
}

func newChain(s System) (*chain, error) {
	c := &chain{index: map[string]int{}}
	classOf := alike(s, nil)
	byClass := map[string][]int64{}
	for _, id := range s.Voters() {
		byClass[classOf[id]] = append(byClass[classOf[id]], id)
	}
	states := 1
	for _, key := range sortedKeys(byClass) {
		c.class = append(c.class, byClass[key])
		c.size = append(c.size, len(byClass[key]))
		if states *= len(byClass[key]) + 1; states > maxChain {
			return nil, fmt.Errorf("%w: repair of %d voters in %d classes that are not alike has more than %d states",
				ErrTooLarge, len(classOf), len(byClass), maxChain)
		}
	}
	failed := make([]int, len(c.size))
	for {
		c.index[fmt.Sprint(failed)] = len(c.states)
		c.states = append(c.states, append([]int(nil), failed...))
		down := map[int64]bool{}
		for k, ids := range c.class {
			for _, id := range ids[:failed[k]] {
				down[id] = true
			}
		}
		c.quorum = append(c.quorum, s.IsQuorum(func(id int64) bool { return !down[id] }))
		k := 0
		for ; k < len(failed) && failed[k] == c.size[k]; k++ {
			failed[k] = 0
		}
		if k == len(failed) {
			return c, nil
		}
		failed[k]++
	}
}

// rates fills the matrix of transitions.
func (c *chain) rates(mttf, mttr float64, crew Crew) [][]float64 {
	rates := make([][]float64, len(c.states))
	for i, failed := range c.states {
		rates[i] = make([]float64, len(c.states))
		all := 0
		for _, f := range failed {
			all += f
		}
		for k, f := range failed {
			to := append([]int(nil), failed...)
			if f < c.size[k] {
				to[k] = f + 1
				rates[i][c.index[fmt.Sprint(to)]] = float64(c.size[k]-f) / mttf
			}
			if f > 0 {
				to[k] = f - 1
				rate := float64(f) / mttr
				if crew == OneCrew {
					rate /= float64(all)
				}
				rates[i][c.index[fmt.Sprint(to)]] = rate
			}
		}
	}
	return rates
}

// timeToLoss eliminates the states with a quorum one by one, except all-up: what
// a state costs (time) and where it leads is spread over those that lead to it.
// No subtraction occurs, so nothing is lost however stiff the rates are.
func (c *chain) timeToLoss(rates [][]float64) float64 {
	n := len(rates)
	r := make([][]float64, n)
	cost := make([]float64, n)
	absorb := make([]float64, n)
	for i := range rates {
		r[i] = append([]float64(nil), rates[i]...)
		cost[i] = 1
		for j := range rates[i] {
			if !c.quorum[j] {
				absorb[i] += r[i][j]
				r[i][j] = 0
			}
		}
	}
	leave := func(k int) float64 {
		out := absorb[k]
		for j, rate := range r[k] {
			if j != k {
				out += rate
			}
		}
		return out
	}
	for k := n - 1; k > 0; k-- {
		if !c.quorum[k] {
			continue
		}
		out := leave(k)
		for i := range k {
			if !c.quorum[i] || r[i][k] == 0 {
				continue
			}
			share := r[i][k] / out
			r[i][k] = 0
			cost[i] += share * cost[k]
			absorb[i] += share * absorb[k]
			for j := range k {
				if j != i {
					r[i][j] += share * r[k][j]
				}
			}
		}
	}
	return cost[0] / leave(0)
}

// stationary solves πQ = 0 by the elimination of Grassmann, Taksar and Heyman.
func stationary(rates [][]float64) []float64 {
	n := len(rates)
	r := make([][]float64, n)
	for i := range rates {
		r[i] = append([]float64(nil), rates[i]...)
	}
	for k := n - 1; k > 0; k-- {
		out := 0.0
		for j := range k {
			out += r[k][j]
		}
		for i := range k {
			r[i][k] /= out
			for j := range k {
				if j != i {
					r[i][j] += r[i][k] * r[k][j]
				}
			}
		}
	}
	p := make([]float64, n)
	p[0] = 1
	all := 1.0
	for k := 1; k < n; k++ {
		for i := range k {
			p[k] += p[i] * r[i][k]
		}
		all += p[k]
	}
	for k := range p {
		p[k] /= all
	}
	return p
}
