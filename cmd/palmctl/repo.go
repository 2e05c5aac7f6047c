package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"volar/firmware/image"
	"volar/firmware/update/publish"
)

func newRepoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "repo",
		Short: "Publish bundles: the folder that units are updated from",
		Long: `A repository is a folder of bundles with metadata of The Update Framework. 'palmhost -updates DIR' serves it, and so does
any web server: it is not trusted. Four keys sign it:

  root       says which keys the others are; kept offline, needed to replace one
  targets    says which bundles there are; needed to add one
  snapshot   says which lists are current   } needed every few days, may lie on the machine
  timestamp  says that this is still so     } that runs 'palmctl repo refresh' every day

Units stop taking what has expired: timestamps after 14 days, snapshots after 60, targets after 180, roots after a year.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newRepoInitCommand(), newRepoAddCommand(), newRepoRefreshCommand(), newRepoRotateCommand(), newRepoShowCommand(), newRepoWithdrawCommand())
	return c
}

// repoFlags are the flags of the commands that sign.
type repoFlags struct{ keys, release string }

func (f *repoFlags) add(c *cobra.Command, release bool) {
	c.Flags().StringVar(&f.keys, "keys", "", "`folder` with the roles' keys: root.pem, targets.pem, snapshot.pem, timestamp.pem")
	_ = c.MarkFlagRequired("keys")
	if release {
		c.Flags().StringVar(&f.release, "key", "", "`folder` of the release's keys ('palmctl image key')")
		_ = c.MarkFlagRequired("key")
	}
}

// open reads a repository and the keys that are there.
func (f *repoFlags) open(dir string) (*publish.Repository, error) {
	keys, err := readRoleKeys(f.keys)
	if err != nil {
		return nil, err
	}
	return openRepo(dir, keys)
}

func openRepo(dir string, keys publish.Keys) (*publish.Repository, error) {
	r, err := publish.Open(dir, keys, time.Now())
	if err != nil {
		return nil, usage(err, "make a repository with: palmctl repo init DIR --keys FOLDER --key KEYS")
	}
	return r, nil
}

// readRoleKeys reads the keys of a folder: those of the roles that this
// machine signs for.
func readRoleKeys(dir string) (publish.Keys, error) {
	keys := publish.Keys{}
	for _, role := range publish.Roles {
		path := filepath.Join(dir, role+".pem")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		k, err := operatorKey(path)
		if err != nil {
			return nil, err
		}
		keys[role] = k
	}
	if len(keys) == 0 {
		return nil, usage(fmt.Errorf("repo: %s holds no key of a role", dir), "'palmctl repo init' makes them")
	}
	return keys, nil
}

// makeRoleKeys makes a folder with new keys for roles.
func makeRoleKeys(dir string, roles []string) (publish.Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("repo: make keys: %w", err)
	}
	keys := publish.Keys{}
	for _, role := range roles {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("repo: make keys: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("repo: make keys: %w", err)
		}
		if err := writeFile(filepath.Join(dir, role+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			return nil, err
		}
		keys[role] = key
	}
	return keys, nil
}

// noKey adds what to do where a role's key is missing.
func noKey(err error, dir string) error {
	return hint(err, "the key must lie in %s; root and targets are best kept offline and brought for this", dir)
}

func newRepoInitCommand() *cobra.Command {
	var f repoFlags
	c := &cobra.Command{
		Use:   "init DIR --keys FOLDER --key KEYS",
		Short: "Make an empty repository, and the keys of its roles",
		Long: `init makes DIR and, in FOLDER, a key for each role. The release key signs which root is the first: units built with that
release key take the repository without being told more. From then on they follow the root's own successors.`,
		Args: exactly(1, "the new folder of the repository"),
		RunE: func(c *cobra.Command, args []string) error {
			release, err := image.ReadKeys(f.release)
			if err != nil {
				return usage(err, "make a folder of development keys with: palmctl image key %s", f.release)
			}
			if _, err := os.Stat(filepath.Join(args[0], "metadata")); err == nil {
				return usage(fmt.Errorf("repo: %s is a repository", args[0]), "nothing is ever written over: choose another folder")
			}
			keys, err := makeRoleKeys(f.keys, publish.Roles)
			if err != nil {
				return err
			}
			r, err := publish.Init(args[0], keys, release.Release, time.Now())
			if err != nil {
				return err
			}
			return showRepo(c, args[0], r)
		},
	}
	f.add(c, true)
	return c
}

func newRepoAddCommand() *cobra.Command {
	var f repoFlags
	c := &cobra.Command{
		Use:   "add DIR BUNDLE… --keys FOLDER --key KEYS",
		Short: "Publish bundles",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(errors.New("repo: nothing to add"), "give the repository's folder and at least one bundle")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			public, err := image.ReadPublic(f.release)
			if err != nil {
				return usage(err, "--key takes public.pem, which 'palmctl image key' makes, or the folder of keys")
			}
			r, err := f.open(args[0])
			if err != nil {
				return err
			}
			for _, file := range args[1:] {
				if _, err := r.Add(file, public.Release); err != nil {
					return noKey(err, f.keys)
				}
			}
			return showRepo(c, args[0], r)
		},
	}
	f.add(c, true)
	return c
}

func newRepoRefreshCommand() *cobra.Command {
	var f repoFlags
	c := &cobra.Command{
		Use:   "refresh DIR --keys FOLDER",
		Short: "Say anew that the repository is current; run it every day",
		Args:  exactly(1, "the folder of the repository"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.open(args[0])
			if err != nil {
				return err
			}
			if err := r.Refresh(); err != nil {
				return noKey(err, f.keys)
			}
			return showRepo(c, args[0], r)
		},
	}
	f.add(c, false)
	return c
}

func newRepoRotateCommand() *cobra.Command {
	var f repoFlags
	var roles []string
	var fresh string
	c := &cobra.Command{
		Use:   "rotate DIR --keys FOLDER --new FOLDER [--role ROLE…]",
		Short: "Replace keys by new ones",
		Long: `rotate makes new keys for roles and a new root that names them, signed by the old root key and, where that one is replaced
too, by the new. Units follow; what the former keys sign from now on they refuse. FOLDER of --keys needs all four keys.`,
		Args: exactly(1, "the folder of the repository"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, role := range roles {
				if !slices.Contains(publish.Roles, role) {
					return usage(fmt.Errorf("repo: there is no role %q", role), "roles are root, targets, snapshot and timestamp")
				}
			}
			r, err := f.open(args[0])
			if err != nil {
				return err
			}
			keys, err := makeRoleKeys(fresh, roles)
			if err != nil {
				return err
			}
			if err := r.Rotate(keys); err != nil {
				return noKey(err, f.keys)
			}
			return showRepo(c, args[0], r)
		},
	}
	f.add(c, false)
	c.Flags().StringVar(&fresh, "new", "", "`folder` for the new keys")
	c.Flags().StringSliceVar(&roles, "role", publish.Roles, "`roles` whose keys are replaced")
	_ = c.MarkFlagRequired("new")
	return c
}

func newRepoWithdrawCommand() *cobra.Command {
	var f repoFlags
	c := &cobra.Command{
		Use:   "withdraw DIR PATH --keys FOLDER",
		Short: "Take a bundle off the list; units that have it keep it",
		Args:  exactly(2, "the folder of the repository and the bundle's path in 'palmctl repo show'"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.open(args[0])
			if err != nil {
				return err
			}
			if err := r.Withdraw(args[1]); err != nil {
				return noKey(err, f.keys)
			}
			return showRepo(c, args[0], r)
		},
	}
	f.add(c, false)
	return c
}

func newRepoShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show DIR",
		Short: "List what is published, and when what expires",
		Args:  exactly(1, "the folder of the repository"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := openRepo(args[0], nil)
			if err != nil {
				return err
			}
			return showRepo(c, args[0], r)
		},
	}
}

// showRepo shows what a repository holds.
func showRepo(c *cobra.Command, dir string, r *publish.Repository) error {
	type entry struct {
		Path string `json:"path"`
		Size int64  `json:"size"`
	}
	listed := struct {
		Dir     string               `json:"dir"`
		Bundles []entry              `json:"bundles"`
		Expires map[string]time.Time `json:"expires"`
	}{dir, []entry{}, r.Expires()}
	for _, path := range slices.Sorted(maps.Keys(r.Bundles())) {
		listed.Bundles = append(listed.Bundles, entry{path, r.Bundles()[path].Length})
	}
	return show(c, listed, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		switch len(listed.Bundles) {
		case 0:
			fmt.Fprintf(t, "%s holds no bundle yet: 'palmctl repo add' publishes one\n", dir)
		default:
			fmt.Fprintf(t, "%s, what units can be updated to:\n", dir)
		}
		for _, b := range listed.Bundles {
			fmt.Fprintf(t, "  %s\t%s\n", b.Path, bytesText(b.Size))
		}
		fmt.Fprintln(t, "units take what the roles have signed until:")
		for _, role := range publish.Roles {
			fmt.Fprintf(t, "  %s\t%s\n", role, listed.Expires[role].UTC().Format(time.DateOnly))
		}
		t.Flush()
	})
}
