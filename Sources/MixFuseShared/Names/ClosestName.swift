// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean": the known name nearest to a misspelt one.
// Distance counts insertions, deletions, replacements and swaps of neighbours, so the commonest
// slips of the hand (a swapped or doubled letter) cost one.

/// The number of single-character edits (insert, delete, replace, swap neighbours) between two names.
///
/// - Cost: `O(lhs.count * rhs.count)` time and space.
/// - Source: optimal string alignment distance (Damerau 1964, restricted).
package func editDistance(_ lhs: String, _ rhs: String) -> Int {
  let a = Array(lhs)
  let b = Array(rhs)
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        best = min(best, rows[i - 1][j - 1] + 1)
      }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}

/// The known name nearest to `name`, if one is near enough to be what the user meant.
///
/// At most a third of the letters may differ (but one always may), in either case; ties go to the
/// name that comes first in the alphabet, so messages do not depend on hash order.
package func closestName(to name: String, among candidates: some Sequence<String>) -> String? {
  let limit = max(1, name.count / 3)
  var best: (distance: Int, name: String)?
  for candidate in candidates where candidate != name {
    guard abs(candidate.count - name.count) <= limit else { continue }
    let distance = editDistance(name.lowercased(), candidate.lowercased())
    guard distance <= limit, distance < max(name.count, 1) else { continue }
    if let current = best, (current.distance, current.name) <= (distance, candidate) { continue }
    best = (distance, candidate)
  }
  return best?.name
}
