// Package sluice is what transforms for Sluicegate are written against in Go.
//
// A transform says once, in its [Bind], which columns it reads, which pass by untouched and which it computes; after
// that it sees batches of typed slices. README.md beside this file has an example, tables of the calls and of the
// types, and how to build, test and debug one.
package sluice
