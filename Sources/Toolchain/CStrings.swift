// SPDX-License-Identifier: Apache-2.0
//
// Swift strings lent to C as arrays of C strings, for `posix_spawn` and libclang alike.

import Glibc

/// Lends copies of `strings` to `body` as C strings, followed by a null pointer.
///
/// - Cost: one copy of every string, freed when `body` returns.
func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = strings.map { (string: String) in strdup(string) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
