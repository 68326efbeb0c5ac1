// SPDX-License-Identifier: Apache-2.0
//
// Takes outer steps of gradient descent on the sinusoid tasks, with the typed binding that was
// generated beside the library.
//
//     RuntimeClient LIBRARY INPUTS.npz OUTPUTS.npz STEPS
//
// Writes the outputs of the first step, and prints the resident memory after 10 steps and at the
// end, in bytes.

import MixFuseRuntime

@main
struct RuntimeClient {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let steps = Int(arguments[4]) else {
      print("usage: RuntimeClient LIBRARY INPUTS.npz OUTPUTS.npz STEPS")
      return
    }
    let metaGradient = try MamlSinusoid.MetaGradient(
      Library(path: arguments[1]), pool: ThreadPool(workers: 2))
    let arrays = try ArrayFile.read(arguments[2])
    var inputs = try MamlSinusoid.MetaGradient.Inputs(
      etaW1: arrays.array("eta.w1"), etaB1: arrays.array("eta.b1"),
      etaW2: arrays.array("eta.w2"), etaB2: arrays.array("eta.b2"),
      etaW3: arrays.array("eta.w3"), etaB3: arrays.array("eta.b3"),
      xSupport: arrays.array("x_support"), ySupport: arrays.array("y_support"),
      xQuery: arrays.array("x_query"), yQuery: arrays.array("y_query"))
    var memory: Int?
    for step in 0..<steps {
      let outputs = try metaGradient(inputs)
      if step == 0 { try write(outputs, to: arguments[3]) }
      if step == 10 { memory = ProcessMemory.residentBytes }
      let rate: Float = 1e-4
      try descend(&inputs.etaW1, outputs.gradW1, rate)
      try descend(&inputs.etaB1, outputs.gradB1, rate)
      try descend(&inputs.etaW2, outputs.gradW2, rate)
      try descend(&inputs.etaB2, outputs.gradB2, rate)
      try descend(&inputs.etaW3, outputs.gradW3, rate)
      try descend(&inputs.etaB3, outputs.gradB3, rate)
    }
    print("resident", memory ?? 0, ProcessMemory.residentBytes ?? 0)
  }

  /// `parameter -= rate * gradient`.
  private static func descend(
    _ parameter: inout NDArray, _ gradient: NDArray, _ rate: Float
  ) throws {
    let gradient = try gradient.elements(as: Float.self)
    try parameter.withUnsafeMutableElements(of: Float.self) { elements in
      for index in elements.indices { elements[index] -= rate * gradient[index] }
    }
  }

  private static func write(_ outputs: MamlSinusoid.MetaGradient.Outputs, to path: String) throws {
    try ArrayFile.write(
      [
        "loss": outputs.loss, "grad.w1": outputs.gradW1, "grad.b1": outputs.gradB1,
        "grad.w2": outputs.gradW2, "grad.b2": outputs.gradB2, "grad.w3": outputs.gradW3,
        "grad.b3": outputs.gradB3,
      ], to: path)
  }
}
