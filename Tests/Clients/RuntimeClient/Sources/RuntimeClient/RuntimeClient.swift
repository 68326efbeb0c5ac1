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
    var inputs = try MamlSinusoid.MetaGradient.Inputs(ArrayFile.read(arguments[2]))
    var memory: Int?
    for step in 0..<steps {
      let outputs = try metaGradient(inputs)
      if step == 0 { try write(outputs, to: arguments[3]) }
      if step == 10 { memory = ProcessMemory.residentBytes }
      let rate: Float = 1e-4
      for (_, path) in MamlSinusoid.Theta.arrays {
        try descend(&inputs.eta[keyPath: path], outputs.grad[keyPath: path], rate)
      }
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
    var arrays: NamedArrays = ["loss": try NDArray(scalar: outputs.loss)]
    for (name, path) in MamlSinusoid.Theta.arrays {
      arrays["grad.\(name)"] = outputs.grad[keyPath: path]
    }
    try ArrayFile.write(arrays, to: path)
  }
}
