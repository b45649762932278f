"""Files as schools have them, read within bounds. Pure: bytes in, rows, trees and texts out."""
