// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean": the known name nearest to a misspelt one, by edit distance. The compiler's
// Diagnostics target has its own; the runtime imports nothing of ours.

/// The name in `known` that `name` was probably meant to be, or nil if none is near.
///
/// Near means at most a third of the name's length (and at least one) in insertions, deletions,
/// substitutions and swaps of neighbours. Ties go to the first.
///
/// - Cost: one pass over the product of the lengths for each known name.
func nearestSpelling(to name: String, among known: [String]) -> String? {
  let allowed = max(1, name.count / 3)
  var best: (name: String, distance: Int)?
  for candidate in known {
    let distance = editDistance(Array(name), Array(candidate))
    if distance <= allowed && distance < best?.distance ?? .max {
      best = (candidate, distance)
    }
  }
  return best?.name
}

/// The optimal string alignment distance.
private func editDistance(_ left: [Character], _ right: [Character]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...right.count)
  for (i, leftCharacter) in left.enumerated() {
    var current = [i + 1]
    for (j, rightCharacter) in right.enumerated() {
      let substitution = previous[j] + (leftCharacter == rightCharacter ? 0 : 1)
      var distance = min(substitution, previous[j + 1] + 1, current[j] + 1)
      let isSwap =
        i > 0 && j > 0 && leftCharacter == right[j - 1] && rightCharacter == left[i - 1]
      if isSwap {
        distance = min(distance, beforePrevious[j - 1] + 1)
      }
      current.append(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.count]
}
