"""The school's side: takes in what the classrooms publish and sends the receipt."""
