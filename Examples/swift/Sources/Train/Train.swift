// SPDX-License-Identifier: Apache-2.0
//
// Meta-trains maml_sinusoid from Swift: in every outer step, the tasks of a task group draw new
// sinusoids and compute a meta-gradient each; their mean is what Adam follows.
//
//     mixfuse build ../maml_sinusoid.mix -o build
//     swift run -c release Train build/maml_sinusoid.so [OUTER_STEPS [TASKS]]

import MixFuseRuntime

// For sin and pow alone: a static executable without Foundation is a tenth of the size.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The parameters of the network, as the binding groups them: those of `theta` and of `eta`.
typealias Parameters = MamlSinusoid.Theta

@main
struct Train {
  static func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 1 else {
      print("usage: Train LIBRARY [OUTER_STEPS [TASKS]]")
      return
    }
    let library = try Library(path: arguments[1])
    let numbers = arguments.dropFirst(2).map { Int($0) ?? 0 } + [1000, 2].dropFirst(arguments.count - 2)
    guard numbers.allSatisfy({ $0 > 0 }) else {
      print("OUTER_STEPS and TASKS are at least 1")
      return
    }
    let (steps, tasks) = (numbers[0], numbers[1])

    var trainer = try Trainer(library)
    var mean = 0.0
    for step in stride(from: 1, through: steps, by: 1) {
      mean += try await trainer.step(library, tasks: tasks)
      if step % 100 == 0 {
        print("\(step) outer steps, mean loss after one inner step: \(mean / 100)")
        mean = 0
      }
    }
  }
}

/// The meta parameters with the state of Adam.
struct Trainer {
  private var eta: Parameters
  /// The running means of each array's gradient and of its square.
  private var state: [String: (mean: [Float], square: [Float])] = [:]
  private var steps = 0

  init(_ library: Library) throws {
    // The spec says how its parameters are drawn.
    let drawn = try InputSampler(seed: 1).inputs(of: library.entryPoint("meta_gradient"))
    eta = try MamlSinusoid.MetaGradient.Inputs(drawn).eta
  }

  /// One outer step; returns the mean loss.
  mutating func step(_ library: Library, tasks: Int) async throws -> Double {
    let (eta, seed) = (eta, steps * tasks)
    let results = try await withThrowingTaskGroup(of: MamlSinusoid.MetaGradient.Outputs.self) {
      group in
      for task in 0..<tasks {
        group.addTask {
          // Prepared calls serve one task at a time; their inputs and outputs may go anywhere.
          let metaGradient = try MamlSinusoid.MetaGradient(library)
          return try metaGradient(sinusoids(for: eta, seed: UInt64(seed + task), library))
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    steps += 1
    try follow(results.map(\.grad))
    return results.reduce(0) { $0 + Double($1.loss) } / Double(results.count)
  }

  /// A step of Adam along the mean of gradients. The arrays of a group are met by their key paths.
  private mutating func follow(_ gradients: [Parameters]) throws {
    let scale = 1 - pow(0.9, Float(steps)), squareScale = 1 - pow(0.999, Float(steps))
    for (name, path) in Parameters.arrays {
      let all = try gradients.map { try $0[keyPath: path].elements(as: Float.self) }
      let zeros = [Float](repeating: 0, count: all[0].count)
      var (mean, square) = state[name] ?? (zeros, zeros)
      try eta[keyPath: path].withUnsafeMutableElements(of: Float.self) { values in
        for i in values.indices {
          let gradient = all.reduce(0) { $0 + $1[i] } / Float(all.count)
          mean[i] += 0.1 * (gradient - mean[i])
          square[i] += 0.001 * (gradient * gradient - square[i])
          values[i] -= 1e-3 * mean[i] / scale / ((square[i] / squareScale).squareRoot() + 1e-8)
        }
      }
      state[name] = (mean, square)
    }
  }
}

/// Tasks of the meta-gradient: sinusoids at the points that the spec draws.
func sinusoids(
  for eta: Parameters, seed: UInt64, _ library: Library
) throws -> MamlSinusoid.MetaGradient.Inputs {
  let drawn = try InputSampler(seed: seed).inputs(of: library.entryPoint("meta_gradient"))
  var inputs = try MamlSinusoid.MetaGradient.Inputs(drawn)
  inputs.eta = eta
  var generator = SplitMix(state: seed)
  let (tasks, points) = (inputs.xSupport.shape[0], inputs.xSupport.shape[1])
  let waves = (0..<tasks).map { _ in
    (
      amplitude: Float.random(in: 0.1...5, using: &generator),
      phase: Float.random(in: 0...(.pi), using: &generator)
    )
  }
  func heights(at x: NDArray) throws -> NDArray {
    let values = try x.elements(as: Float.self).enumerated().map { index, x in
      waves[index / points].amplitude * sin(x - waves[index / points].phase)
    }
    return try NDArray(values, shape: x.shape)
  }
  inputs.ySupport = try heights(at: inputs.xSupport)
  inputs.yQuery = try heights(at: inputs.xQuery)
  return inputs
}

/// A random generator whose numbers are the same in every run (Steele, Lea and Flood 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
