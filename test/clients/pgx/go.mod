module checkpoint/recipe

go 1.21
