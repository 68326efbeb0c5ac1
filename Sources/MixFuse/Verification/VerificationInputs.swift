// SPDX-License-Identifier: Apache-2.0
//
// The arrays that a verification computes with: a reference file's, or drawn from the spec's
// initialisers. If a file's arrays have other shapes than the spec's dims give, the message says
// which `--set` would make them fit: dims are tried out by elaborating the spec with them.

import Diagnostics
import MixFuseRuntime
import TensorIR

extension MetaProblem {
  /// The names and shapes of the inputs of the meta-gradient.
  var inputShapes: [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for leaf in (initialParameters == .input ? theta : []) + meta {
      shapes[leaf.name] = leaf.type.shape
    }
    for data in innerData + outerData {
      let prefix = [data.isBatched ? tasks : nil, data.isStreamed ? steps : nil]
      shapes[data.leaf.name] = prefix.compactMap(\.self) + data.leaf.type.shape
    }
    return shapes
  }
}

extension Compilation {
  /// Reads a reference file and checks that its arrays fit the spec.
  ///
  /// - Returns: the inputs of the meta-gradient and at least one of its outputs.
  /// - Throws: `RuntimeError` for a file that cannot be read or lacks an input; `CompilationFailure`
  ///   with `verify.shapes` or `verify.no-result`.
  func reference(_ path: String, for problem: MetaProblem) throws -> NamedArrays {
    // What the file says is looked at before any of its data is read.
    let file = try ArrayFileReader(path)
    let shapes = problem.inputShapes
    let results = ["loss"] + problem.gradientNames
    var found: [String: [Int]] = [:]
    for name in file.names
    where shapes[name] != nil || results.contains(name) || name.hasPrefix("final.") {
      found[name] = try file.header(of: name)?.shape
    }
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) where found[name] == nil {
      throw RuntimeError.arrayMissing(name: name, expected: "\(shape)")
    }
    let wrong = shapes.filter { found[$0.key] != $0.value }.keys.sorted()
    if let name = wrong.first, let shape = found[name], let expected = shapes[name] {
      let dims = DimensionSearch(self, problem, target: found)
      let message = VerificationMessage.shapes(
        file: path, array: name, expected: expected, found: shape, others: wrong.count - 1)
      diagnostics.report(message, at: nil, help: dims.advice())
      throw CompilationFailure(diagnostics: diagnostics)
    }
    let ends = problem.theta.map { ("final" + $0.name.drop { $0 != "." }, $0.type.shape) }
    let shapesOfResults =
      [("loss", [])] + zip(problem.gradientNames, problem.meta.map(\.type.shape)) + ends
    for (name, shape) in shapesOfResults {
      if let given = found[name], given != shape {
        throw RuntimeError.arrayMismatch(
          name: name, expected: "\(shape)", found: "\(given)", isTypeOnly: false)
      }
    }
    guard results.contains(where: { found[$0] != nil }) else {
      diagnostics.report(
        VerificationMessage.noResult(file: path, expected: results), at: nil)
      throw CompilationFailure(diagnostics: diagnostics)
    }
    return try ArrayFile.read(path, names: Set(found.keys))
  }

  /// The dims that no input's shape depends on, such as a step count with fixed data.
  func invisibleDims(of problem: MetaProblem) -> [String] {
    DimensionSearch(self, problem, target: [:]).invisible()
  }

  /// The problem with other dims, or nil if the spec does not allow them.
  func problem(with dims: [String: Int]) -> MetaProblem? {
    var options = options
    options.dims.merge(dims) { _, new in new }
    return try? trying(options).problem()
  }
}

/// Looks for dims that give the inputs of a spec the shapes wanted.
private struct DimensionSearch {
  private let compilation: Compilation
  private let problem: MetaProblem
  /// The wanted shapes by name; other names are of no interest.
  private let target: [String: [Int]]

  init(_ compilation: Compilation, _ problem: MetaProblem, target: [String: [Int]]) {
    self.compilation = compilation
    self.problem = problem
    self.target = target
  }

  /// What to tell a user whose arrays do not fit.
  func advice() -> String {
    let found = fittingDims()
    let fixes = found.dims.map { "--set \($0.name)=\($0.value)" }.joined(separator: " ")
    let hidden = invisible().map { name in
      "\(name) (now \(problem.dims.first { $0.name == name }?.value ?? 0))"
    }
    let rest =
      hidden.isEmpty
      ? ""
      : "; the arrays do not show \(hidden.joined(separator: ", ")), which may need setting too"
    if !found.isComplete {
      return "no choice of dims was found that gives these shapes; is it a file for another spec?"
    }
    return "the shapes fit with \(fixes)\(rest)"
  }

  /// Changes of dims, found one at a time: each must bring more axes to the wanted sizes.
  private func fittingDims() -> (dims: [(name: String, value: Int)], isComplete: Bool) {
    var chosen: [(name: String, value: Int)] = []
    var current = problem
    var mismatches = mismatches(of: problem)
    while !mismatches.isEmpty {
      let candidates = candidates(for: mismatches, current).filter { candidate in
        !chosen.contains { $0.name == candidate.name }
      }
      let next = candidates.lazy.compactMap { candidate -> (MetaProblem, (String, Int))? in
        let dims = Dictionary((chosen + [candidate]).map { ($0.name, $0.value) }) { $1 }
        guard let problem = compilation.problem(with: dims),
          self.mismatches(of: problem).count < mismatches.count
        else { return nil }
        return (problem, candidate)
      }.first
      guard let next else { return (chosen, false) }
      current = next.0
      chosen.append(next.1)
      mismatches = self.mismatches(of: current)
    }
    return (chosen, true)
  }

  /// The names of the dims whose change leaves every input's shape as it is.
  func invisible() -> [String] {
    problem.dims.filter { dim in
      compilation.problem(with: [dim.name: dim.value + 1])?.inputShapes == problem.inputShapes
    }.map(\.name)
  }

  /// The axes that are not as wanted: their present and their wanted sizes.
  private func mismatches(of problem: MetaProblem) -> [(present: Int, wanted: Int)] {
    problem.inputShapes.sorted { $0.key < $1.key }.flatMap { name, shape in
      zip(shape, target[name] ?? shape).filter { $0 != $1 }.map { (present: $0, wanted: $1) }
    }
  }

  /// What a dim might have to be: of the wanted size, or changed by the difference (`seq + 1`), or
  /// by the ratio (`heads * width`).
  private func candidates(
    for mismatches: [(present: Int, wanted: Int)], _ current: MetaProblem
  ) -> [(name: String, value: Int)] {
    mismatches.flatMap { present, wanted in
      current.dims.flatMap { dim in
        let scaled = (dim.value * wanted).isMultiple(of: present) ? dim.value * wanted / present : 0
        let values = [dim.value == present ? wanted : 0, dim.value + wanted - present, scaled]
        return values.filter { $0 > 0 }.map { (dim.name, $0) }
      }
    }
  }
}
