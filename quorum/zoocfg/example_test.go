package zoocfg_test

import (
	"fmt"

	"zkctl/quorum/zoocfg"
)

const text = `# three voters and an observer
tickTime = 2000
server.1=one:2888:3888;2181
server.2=two:2888:3888;2181
server.3=three:2888:3888;2181
server.4=four:2888:3888:observer;2181
`

// From the text to the rule by which votes are counted.
func Example() {
	config, err := zoocfg.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	tick, _ := config.Get("tickTime")
	fmt.Println("tick", tick)
	ensemble, err := config.Ensemble()
	if err != nil {
		panic(err)
	}
	system, err := ensemble.System()
	if err != nil {
		panic(err)
	}
	fmt.Println(system.Has(1, 4), system.Has(1, 3))
	fmt.Println(ensemble.Text())
	// Output:
	// tick 2000
	// false true
	// server.1=one:2888:3888:participant;0.0.0.0:2181
	// server.2=two:2888:3888:participant;0.0.0.0:2181
	// server.3=three:2888:3888:participant;0.0.0.0:2181
	// server.4=four:2888:3888:observer;0.0.0.0:2181
	// version=0
}

// What cannot be read is named by its line.
func ExampleConfig_Ensemble() {
	config, err := zoocfg.Parse([]byte("server.1=one:2888:3888\nserver.2=two:2888:2888\n"))
	if err != nil {
		panic(err)
	}
	_, err = config.Ensemble()
	fmt.Println(err)
	// Output:
	// line 2: server.2=two:2888:2888: quorum and election port are both 2888: they must be different
}
