// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean", as help lines say it.

import MixFuseShared

/// The help line `did you mean NAME?` for a misspelt name, if a known name is near enough (see
/// `closestName`).
package func didYouMean(_ name: String, among candidates: some Sequence<String>) -> String? {
  closestName(to: name, among: candidates).map { "did you mean \($0)?" }
}
