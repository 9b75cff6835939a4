package localcluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Java and the jars of ZooKeeper are found where installations have them, and named when they are missing.
func TestFindApache(t *testing.T) {
	dir := t.TempDir()
	put := func(path string, mode os.FileMode) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	java := put("jdk/bin/java", 0o700)
	jars := []string{put("release/lib/zookeeper-3.9.4.jar", 0o600), put("release/lib/logback-core.jar", 0o600)}
	env := func(pairs map[string]string) func(string) string {
		return func(key string) string { return pairs[key] }
	}
	home := map[string]string{"JAVA_HOME": filepath.Join(dir, "jdk"), "ZOOKEEPER_HOME": filepath.Join(dir, "release")}

	found, err := findApache(env(home))
	if err != nil {
		t.Fatal(err)
	}
	command := found.command("/state/zoo.cfg")
	if command[0] != java || command[len(command)-1] != "/state/zoo.cfg" {
		t.Errorf("%q", command)
	}
	i := slices.Index(command, "-cp")
	for _, jar := range jars {
		if !slices.Contains(filepath.SplitList(command[i+1]), jar) {
			t.Errorf("the class path %s lacks %s", command[i+1], jar)
		}
	}

	t.Setenv("PATH", dir)
	for _, c := range []struct {
		env  map[string]string
		says string
	}{
		{map[string]string{"ZOOKEEPER_HOME": home["ZOOKEEPER_HOME"]}, "no `java` in the PATH"},
		{map[string]string{"JAVA_HOME": dir}, filepath.Join(dir, "bin", "java")},
		{map[string]string{"JAVA_HOME": home["JAVA_HOME"], "ZOOKEEPER_HOME": dir}, "needs ZooKeeper's jars"},
	} {
		_, err := findApache(env(c.env))
		if err == nil || !strings.Contains(err.Error(), c.says) || HintOf(err) == "" {
			t.Errorf("%v: %v (%s), want %q and a hint", c.env, err, HintOf(err), c.says)
		}
	}
}
