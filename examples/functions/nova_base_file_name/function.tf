# 7d5d284f7b3f837e1caee974e2df5458b3cf4ace: a compute node that has a file of
# this name in _base has downloaded the image instead of cloning it
output "base_file" {
  value = provider::rbd::nova_base_file_name("7bc9c1c5-5d1c-4f0e-9d0c-1f1c6b4c7a52")
}
