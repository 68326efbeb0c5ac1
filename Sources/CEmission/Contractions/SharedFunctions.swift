// SPDX-License-Identifier: Apache-2.0
//
// Kernels of products consist of several functions, and those of different kernels are often the same
// but for their names: tiles of one size, strips of such tiles. Each is written once.

/// The functions that kernels of a library share.
struct SharedFunctions {
  /// By text, with the function's own name left out.
  private var known: [String: String] = [:]

  /// Takes the text of a kernel apart.
  ///
  /// - Parameters:
  ///   - name: of the kernel, with which the names of all its functions begin.
  ///   - words: gives the functions distinct names.
  /// - Returns: the functions that are new, and the kernel's own, which calls them.
  mutating func split(
    _ text: String, of name: String, words: inout DistinctWords
  ) -> [(name: String, text: String)] {
    // Types and inline functions belong to all that follows.
    guard !text.contains("typedef "), !text.contains("static inline ") else {
      return [(name, text)]
    }
    var result: [(name: String, text: String)] = []
    var renamed: [(from: String, to: String)] = []
    // What is said of the kernel stands above its first function.
    let said = text.prefix { $0 != "\n" } + "\n"
    let head = said.hasPrefix("// \(name): ") ? String(said) : ""
    for var function in functions(in: String(text.dropFirst(head.count))) {
      if function.name == name { function.text = head + function.text }
      for (from, to) in renamed {
        function.text = function.text.replacing("\(from)(", with: "\(to)(")
      }
      guard function.name != name, function.name.hasPrefix(name + "_") else {
        result.append(function)
        continue
      }
      let key = function.text.replacing("\(function.name)(", with: "(")
      if let other = known[key] {
        renamed.append((function.name, other))
        continue
      }
      let shared = words.add("product" + function.name.dropFirst(name.count))
      known[key] = shared
      renamed.append((function.name, shared))
      result.append(
        (shared, function.text.replacing("\(function.name)(", with: "\(shared)(")))
    }
    return result
  }

  /// The functions of a text, with the comments above each.
  private func functions(in text: String) -> [(name: String, text: String)] {
    let start = "MF_KERNEL static void "
    var functions: [(name: String, text: String)] = []
    var name = ""
    var lines = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      lines += line + "\n"
      if line.hasPrefix(start) { name = String(line.dropFirst(start.count).prefix { $0 != "(" }) }
      if line == "}" {
        functions.append((name, lines + "\n"))
        lines = ""
      } else if line.isEmpty, lines == "\n" {
        lines = ""
      }
    }
    return functions
  }
}
