// SPDX-License-Identifier: Apache-2.0
//
// What a loop stands for. Whoever makes a loop says so, and rules and passes hand it down; reports
// sort memory by it, dumps and generated code print it. Nothing that is computed depends on it.

/// What a loop runs over, and what derivative rules have made of it.
package struct LoopRole: Hashable, Sendable, CustomStringConvertible {
  package enum Subject: Hashable, Sendable {
    /// The steps of the inner optimisation.
    case innerSteps
    /// The parts of a stacked group of parameters.
    case layers
    /// The problems of a task batch.
    case tasks
    /// Examples of a batch, of which a loss takes some at a time.
    case exampleGroups
    /// Rows of tokens, of which a loss takes one strip at a time.
    case tokenStrips
    /// Columns of a vocabulary, of which a loss takes one tile at a time.
    case vocabularyTiles
    /// Anything else, in words: a loop of the user's is `loop over i and j`. No comma.
    case other(String)
  }

  /// What a loop does for the loop that it was derived from.
  package enum Phase: String, Hashable, Sendable, CaseIterable {
    /// Computes its adjoints.
    case backward
    /// Computes its carries again.
    case replayed
  }

  package var subject: Subject
  /// Empty for a loop that no rule made, which runs forward; the outermost rule last.
  package var phases: [Phase]

  package init(_ subject: Subject, phases: [Phase] = []) {
    self.subject = subject
    self.phases = phases
  }

  package static let innerSteps = LoopRole(.innerSteps)
  package static let layers = LoopRole(.layers)
  package static let tasks = LoopRole(.tasks)
  package static let exampleGroups = LoopRole(.exampleGroups)
  package static let tokenStrips = LoopRole(.tokenStrips)
  package static let vocabularyTiles = LoopRole(.vocabularyTiles)
  package static func other(_ text: String) -> LoopRole { LoopRole(.other(text)) }

  /// The role of a loop derived from one of this role.
  package func entering(_ phase: Phase) -> LoopRole { LoopRole(subject, phases: phases + [phase]) }
}

// MARK: - Text

extension LoopRole {
  /// `layers`, `inner steps, backward`.
  package var description: String {
    ([subject.description] + phases.map(\.rawValue)).joined(separator: ", ")
  }

  /// The role that prints as `text`.
  package init(parsing text: String) {
    var parts = text.split(separator: ", ", omittingEmptySubsequences: false).map(String.init)
    var phases: [Phase] = []
    while parts.count > 1, let phase = parts.last.flatMap(Phase.init) {
      phases.insert(phase, at: 0)
      parts.removeLast()
    }
    let name = parts.joined(separator: ", ")
    self.init(Subject.named.first { $0.description == name } ?? .other(name), phases: phases)
  }
}

extension LoopRole.Subject: CustomStringConvertible {
  package var description: String {
    switch self {
    case .innerSteps: "inner steps"
    case .layers: "layers"
    case .tasks: "tasks"
    case .exampleGroups: "example groups"
    case .tokenStrips: "token strips"
    case .vocabularyTiles: "vocabulary tiles"
    case .other(let text): text
    }
  }

  /// All that have a name of their own.
  fileprivate static let named: [Self] = [
    .innerSteps, .layers, .tasks, .exampleGroups, .tokenStrips, .vocabularyTiles,
  ]
}
